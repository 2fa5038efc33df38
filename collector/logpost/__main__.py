"""`python -m logpost` is the command `logpost`."""

import sys

from logpost.cli import main

sys.exit(main())
