"""`pythonbase doctor`: reports problems of a platform, and how to fix them.

Lowest layer first: ``finding`` is the result of a check; ``declared`` is what the configuration declares; ``aws`` calls
AWS; ``stacks`` and ``connection`` are read once for several checks. Each module of ``checks`` has a ``check`` that
reads what it needs, and pure functions that judge it. ``examination`` runs the checks in parallel, ``texts`` and
``documents`` render the report, ``command`` is the subcommand.
"""
