"""`python -m swinviz`."""

from __future__ import annotations

import sys

from swinviz.cli import main

sys.exit(main())
