"""`pythonbase adopt`: lists a repository's references to Docker Hub, and what builds do with them.

Lowest layer first: ``words`` and ``directives`` read parts of the Dockerfile language, ``instructions`` reads a
Dockerfile, ``stages`` finds the images that its build resolves. ``compose`` and ``pipelines`` read the other files.
``discovery`` finds files, ``survey`` combines the results, ``rewrite`` changes Dockerfiles. ``texts``, ``documents``
and ``sarif`` render the report.
"""
