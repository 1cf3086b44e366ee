"""The command line: the first client of the HTTP API. Exit codes: 0 done, 1 failed or refused, 2 usage, configuration
or no bot running, 3 a human is needed, 130 interrupted."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.commands.registry import Registry


def main(argv: Sequence[str] | None = None, registry: Registry | None = None) -> int:
    """Run one command line and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if registry is None:
        from bot.commands import load_registry

        registry = load_registry()
    from bot.cli.app import run_app

    return run_app(registry, words)
