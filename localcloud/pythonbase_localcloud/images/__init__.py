"""Images that are made on this machine: for builds, and in place of those of registries that do not answer."""
