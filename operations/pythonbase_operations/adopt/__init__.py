"""`pythonbase adopt`: what a repository takes from Docker Hub, and what becomes of it.

From the inside out: ``words`` and ``directives`` are pieces of the Dockerfile language, ``instructions`` reads a
Dockerfile, ``stages`` finds out which images its build resolves. ``compose``, ``buildspec`` and ``bitbucket`` read the
other files. ``discovery`` finds files, ``survey`` puts everything together, ``rewrite`` changes Dockerfiles, ``text``,
``documents`` and ``sarif`` show what was found.
"""
