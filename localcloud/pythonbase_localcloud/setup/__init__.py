"""Starts an instance, brings it up to date, stops it, removes it."""
