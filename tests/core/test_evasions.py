"""Rules against a real shell: random lines are run where `git` only notes that it was told to push. Whatever ran was
denied, or could not be ruled out; nothing of it was allowed."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.interfaces import Ask
from core.model import RequestKind
from core.rules import Effect, Scene, decide, parse_rule
from integrations.local.links import resolve_path

LINES = 600
PROGRAMS = ("env", "xargs", "sh", "bash", "nice", "nohup", "cat", "find", "stdbuf", "true")
STUB = '#!/bin/sh\n[ "$1" = push ] && echo pushed >> "$MARK"\nexit 0\n'
TEXT = r"""
git push gi t pu sh -c bash -lc env A=1 xargs echo X=git $X ${X} nice nohup eval exec command time if then fi do done
while case x) ;; esac f() f function true ! { } ( ) ; && || | |& ' " \ $ ` $( ${IFS} $IFS <<E <<< # {git,push} $'\x67it'
$' g''it * ? [a] ~ = @ $@ $* $1 ${Y:-git} \; [[ ]] (( )) -n -- trap EXIT alias x= Z=push > 2>&1 &>
"""
LONGER = ("git push", "git push", "for x in a", "find . -exec", "> o", "< /dev/null", "\nE\n", "\\\n", "\n")
PIECES = (*TEXT.split(), *LONGER)
RULES = [parse_rule(item) for item in ("allow execute", "allow execute git", "deny git push")]


def make_lines(seed: int) -> Iterator[str]:
    chance = random.Random(seed)
    for _ in range(LINES):
        pieces = [chance.choice(PIECES) for _ in range(chance.randint(1, 6))]
        pieces.insert(chance.randint(0, len(pieces)), "git push")
        yield chance.choice((" ", " ", "")).join(pieces)


@pytest.fixture
def stubs(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in PROGRAMS:
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"there is no {name} here")
        (folder / name).symlink_to(found)
    (folder / "git").write_text(STUB)
    (folder / "git").chmod(0o755)
    return folder


def run_line(line: str, stubs: Path, mark: Path) -> bool:
    """Whether git was told to push."""
    place = stubs.parent / "work"
    place.mkdir(exist_ok=True)
    environ = {"PATH": str(stubs), "MARK": str(mark), "HOME": str(place)}
    words = ["bash", "--norc", "--noprofile", "-c", line]
    quiet = subprocess.DEVNULL
    try:
        subprocess.run(
            words, cwd=place, env=environ, stdin=quiet, stdout=quiet, stderr=quiet, timeout=5, check=False,
            executable=os.path.realpath(stubs / "bash"),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False
    return mark.exists()


def test_what_a_shell_runs_is_never_missed(stubs: Path) -> None:
    worktree = str(stubs.parent / "work")
    scene = Scene(worktree, worktree, worktree, resolve_path)
    ran = 0
    for number, line in enumerate(make_lines(20)):
        if not run_line(line, stubs, stubs.parent / f"mark-{number}"):
            continue
        ran += 1
        decision = decide(Ask(RequestKind.PERMISSION, "Run", "execute", {"command": line}), RULES, scene)
        assert decision.effect is not Effect.ALLOW, line
        assert decision.rule is RULES[2], (line, decision)
    assert ran > 50, "the lines do nothing"
