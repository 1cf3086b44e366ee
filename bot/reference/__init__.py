"""Pages of docs/ that are written from the code: `python -m bot.reference` writes them all."""

from __future__ import annotations

from pathlib import Path

from bot.reference.configuration import write_configuration

__all__ = ["DOCS", "PAGE", "write_configuration"]

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGE = DOCS / "configuration.md"
