"""Entry of the demo agent: `python -I -S agent.py [switches]`. Only its own folder goes on the path."""

from __future__ import annotations

import importlib
import os
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120  (pathlib is slow to import)
    importlib.import_module("scripted.server").main(sys.argv[1:])
