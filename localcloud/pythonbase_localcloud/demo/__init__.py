"""The demo: deploys a configuration to the local cloud and releases its services from real Git pushes."""
