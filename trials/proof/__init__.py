"""Measures what a team saves: the same builds with and without this project, against Docker Hub's pull limit."""
