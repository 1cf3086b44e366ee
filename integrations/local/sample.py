"""The sample project of a newcomer: a tiny program with one failing test."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import mkdtemp

from integrations.local.git import make_identity, run_git

_TALLY = '''\
"""Count words in text files: python tally.py FILE..."""

import sys
from collections import Counter


def count_words(text):
    """How often each word occurs, without regard to case."""
    return Counter(text.split())


def print_tally(counter, limit=10):
    for word, number in counter.most_common(limit):
        print(f"{number:6} {word}")


if __name__ == "__main__":
    total = Counter()
    for name in sys.argv[1:]:
        with open(name, encoding="utf-8") as file:
            total += count_words(file.read())
    print_tally(total)
'''

_TEST = """\
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tally import count_words


class CountWords(unittest.TestCase):
    def test_counts_each_word(self):
        self.assertEqual(count_words("to be or not to be")["be"], 2)

    def test_nothing_is_no_word(self):
        self.assertEqual(len(count_words("")), 0)

    def test_case_does_not_matter(self):
        self.assertEqual(count_words("The cat and the dog")["the"], 2)


if __name__ == "__main__":
    unittest.main()
"""

_README = """\
# tally

Counts words in text files.

    python tally.py README.md

Tests: `python -m unittest discover tests`. One of them fails: upper and lower case are counted apart.
"""

FILES = {
    "README.md": _README,
    "tally.py": _TALLY,
    "tests/test_tally.py": _TEST,
    ".gitignore": "__pycache__/\n",
}

_MOMENT = "2025-01-01T00:00:00+00:00"
_IDENTITY = make_identity() | {"GIT_AUTHOR_DATE": _MOMENT, "GIT_COMMITTER_DATE": _MOMENT}


async def make_sample(home: Path) -> Path:
    """Make `home/sample`, a git project on branch main, or find it. The commit is the same everywhere.

    It is made aside and moved into place, so that half of one is never found. Raises PermanentFailure."""
    folder = home.absolute() / "sample"
    if folder.exists():
        return folder
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = Path(mkdtemp(prefix=".sample-", dir=folder.parent))
    try:
        await _fill_project(draft)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


async def _fill_project(folder: Path) -> None:
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    await run_git(folder, "-c", "core.autocrlf=false", "init", "--quiet", "--template=", "--initial-branch=main")
    await run_git(folder, "-c", "core.autocrlf=false", "add", "--", *FILES)
    await run_git(folder, "commit", "--quiet", "--message=Count words", env=_IDENTITY)
