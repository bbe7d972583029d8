"""Releases of a service: their names and record, the state machine that carries them out, the reconciler."""
