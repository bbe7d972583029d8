"""What a release is: its names, its record, the state machine that carries it out, and what reconciles it."""
