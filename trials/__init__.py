"""Tries the product on the local cloud and shows what happened: `make faults`, `make proof`."""
