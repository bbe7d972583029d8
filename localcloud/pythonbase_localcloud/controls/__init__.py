"""What tests do to a running local cloud from outside: faults, pull requests, outages."""
