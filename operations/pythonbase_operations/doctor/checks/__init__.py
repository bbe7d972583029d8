"""One module for each kind of check."""
