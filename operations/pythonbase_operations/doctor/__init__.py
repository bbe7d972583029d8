"""`pythonbase doctor`: what is wrong with a platform, and how to repair it.

From the inside out: ``finding`` is what everything ends in; ``declared`` says what the configuration
declares; ``aws`` reads, ``stacks`` and ``connection`` are read once for several checks. Each module of ``checks`` has a
``check`` that reads what it needs, and pure functions that judge it. ``examination`` runs the checks side by side,
``texts`` and ``documents`` show what was found, ``command`` is the subcommand.
"""
