"""Entry point of `python -m pythonbase_localcloud`."""

import sys

from pythonbase_localcloud.cli import main

sys.exit(main())
