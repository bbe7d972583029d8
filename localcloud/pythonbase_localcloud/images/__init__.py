"""Images that are made on this machine: for builds, and in place of upstream Python images."""
