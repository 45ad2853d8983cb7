"""`python -m chain_of_steps` is `cos`."""

import sys

from chain_of_steps.cli import main

sys.exit(main())
