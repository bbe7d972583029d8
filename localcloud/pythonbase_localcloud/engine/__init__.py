"""The Docker engine of the box: which one it is, its packages, its `runc`."""
