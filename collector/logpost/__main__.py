import sys

from logpost.cli import main

sys.exit(main())
