"""The command `pythonbase`: operates a deployed platform, and moves repositories to it."""
