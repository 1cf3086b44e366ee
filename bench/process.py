"""What the system says of processes: memory and time, by /proc (Linux)."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Family:
    """The guards under a bot, and everything under them."""

    guards: tuple[int, ...]
    agents: tuple[int, ...]


def read_rss(pid: int) -> int:
    """Resident memory in bytes."""
    return _read_field(Path(f"/proc/{pid}/status"), "VmRSS")


def read_pss(pids: Iterable[int]) -> int:
    """Memory in bytes, pages that are shared counted by share; processes that are gone count nothing."""
    return sum(_read_field(Path(f"/proc/{pid}/smaps_rollup"), "Pss") for pid in pids)


def read_seconds(pids: Iterable[int]) -> float:
    """Processor seconds so far, of living processes."""
    return sum(_read_ticks(pid) for pid in pids) / _TICK


def find_family(bot: int) -> Family:
    """By parenthood, now."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _read_stat(int(entry.name))):
            children[int(stat[1])].append(int(entry.name))
    guards = tuple(children[bot])
    return Family(guards, tuple(_list_below(children, guards)))


def _list_below(children: dict[int, list[int]], parents: Iterable[int]) -> Iterable[int]:
    for parent in parents:
        yield from children[parent]
        yield from _list_below(children, children[parent])


def _read_ticks(pid: int) -> int:
    stat = _read_stat(pid)
    return int(stat[11]) + int(stat[12]) if stat else 0


def _read_stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _read_field(path: Path, name: str) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), 0)
