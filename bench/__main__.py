"""`python -m bench [NAME …]`: prints a table, or with --json one list of rows. Exit code 1 when something wanted does
not hold."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import slack, spawn, web, worktree
from bench.page import write_page
from bench.row import write_table
from bench.suite import Suite

SUITES: Mapping[str, Suite] = {"spawn": spawn.SUITE, "worktree": worktree.SUITE, "web": web.SUITE, "slack": slack.SUITE}


def main(argv: Sequence[str] | None = None, suites: Mapping[str, Suite] = SUITES) -> int:
    """Measure, print, and tell whether everything holds."""
    options = read_options(argv, suites)
    names = list(suites) if "all" in options.names else list(dict.fromkeys(options.names))
    results = {name: asyncio.run(suites[name].measure(options.part)) for name in names}
    rows = [row for found in results.values() for row in found]
    print(json.dumps([row.write() for row in rows], indent=1) if options.json else write_table(rows))
    if options.write:
        options.write.write_text(write_page(results, {name: suites[name].about for name in names}))
    return 1 if any(row.holds is False for row in rows) else 0


def read_options(argv: Sequence[str] | None, suites: Mapping[str, Suite]) -> argparse.Namespace:
    """The command line. Exits with code 2 for a name that is not known."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Figures beside their floors.")
    parser.add_argument("names", nargs="*", default="all", choices=[*suites, "all"], metavar="NAME", help="all")
    parts = sorted({part for suite in suites.values() for part in suite.parts})
    parser.add_argument("--part", action="append", choices=parts, help="only this part of a name; may be repeated")
    parser.add_argument("--json", action="store_true", help="one JSON list of rows")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write a page as well")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
