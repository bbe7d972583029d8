"""The registries that images come from: which of them are real, and a server in place of the others."""
