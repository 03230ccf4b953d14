"""``python -m perennial.api.crd [--check] [DIR]``."""

import sys

from perennial.api.crd.write import main

sys.exit(main())
