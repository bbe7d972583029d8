"""Permissions narrower than those the CDK library would grant, and reasons for the findings that remain."""
