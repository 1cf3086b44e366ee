"""Writes every page."""

from __future__ import annotations

from bot.reference import DOCS
from bot.reference.pages import PAGES

for name, write in PAGES.items():
    (DOCS / name).write_text(write(), "utf-8")
