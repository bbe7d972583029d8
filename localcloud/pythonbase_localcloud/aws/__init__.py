"""The embedded AWS: MiniStack plus what it lacks for this application.

Started as ``python -m pythonbase_localcloud.aws`` inside the box. docs/local-cloud.md says what is
enforced and what is not.
"""
