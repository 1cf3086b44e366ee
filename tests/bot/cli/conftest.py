from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bot.cli.fake import Bot, run_bot


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def bot(home: Path) -> Iterator[Bot]:
    with run_bot(home) as found:
        yield found
