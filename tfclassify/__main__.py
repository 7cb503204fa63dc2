"""``python -m tfclassify``: lists the verbs, or runs the one that is named."""

from __future__ import annotations

import sys

from tfclassify.command_line import main

if __name__ == "__main__":
    sys.exit(main())
