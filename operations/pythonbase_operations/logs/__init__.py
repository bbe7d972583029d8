"""`pythonbase logs`: what the running tasks of a service log, the log of its last build, or its last release.

``streams`` reads log streams of CloudWatch Logs. ``tasks``, ``builds`` and ``executions`` find what to print; their
pure functions choose and merge lines. ``command`` is the subcommand, ``durations`` reads its ``--since``.
"""
