"""Bitbucket: pushes to bare repositories that start pipelines, pull requests, build statuses, the API."""
