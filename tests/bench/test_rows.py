"""What `python -m bench` prints, writes and returns. The figures here are made up: nothing is measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.__main__ import SUITES, main
from bench.page import write_page
from bench.process import find_family, read_rss, read_seconds
from bench.row import Row, Wanted, take_percentile, write_table
from bench.start import write_bare_app
from bench.suite import Suite

GOOD = Row("quick thing", 12.345, "ms", 10.0, Wanted(1.3, times=True))
BAD = Row("slow thing", 60.0, "ms", None, Wanted(50))
SHOWN = Row("explains", 3.0, "MiB")


def make_suite(*rows: Row) -> Suite:
    async def measure() -> Sequence[Row]:
        return rows

    return Suite("Made up.", {"only": measure})


@pytest.mark.parametrize(
    ("row", "holds"),
    [
        (GOOD, True),
        (BAD, False),
        (SHOWN, None),
        (Row("r", 13.1, "ms", 10.0, Wanted(1.3, times=True)), False),
        (Row("r", 13.0, "ms", 10.0, Wanted(1.3, times=True)), True),
        (Row("r", 5.0, "1/s", 10.0, Wanted(0.5, least=True, times=True)), True),
        (Row("r", 4.9, "1/s", 10.0, Wanted(0.5, least=True, times=True)), False),
        (Row("no floor", 1.0, "ms", None, Wanted(2, times=True)), False),
    ],
)
def test_a_row_holds_or_not(row: Row, holds: bool | None) -> None:
    assert row.holds is holds


def test_a_row_as_json() -> None:
    assert GOOD.write() == {
        "name": "quick thing",
        "figure": 12.3,
        "floor": 10.0,
        "ratio": 1.23,
        "wanted": "at most 1.3 x floor",
        "unit": "ms",
        "holds": True,
    }
    assert SHOWN.write() | {"name": "", "figure": 0, "unit": ""} == {
        "name": "",
        "figure": 0,
        "floor": None,
        "ratio": None,
        "wanted": None,
        "unit": "",
        "holds": None,
    }


def test_json_is_one_list_of_all_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json"], {"one": make_suite(GOOD), "two": make_suite(SHOWN)}) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == ["quick thing", "explains"]


def test_one_row_that_does_not_hold_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    suites = {"one": make_suite(GOOD), "two": make_suite(SHOWN, BAD)}
    assert main(["one"], suites) == 0
    assert main(["two"], suites) == 1
    assert main(["all"], suites) == 1
    assert "NO" in capsys.readouterr().out


def test_a_name_that_is_not_known_is_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["nothing"], {"one": make_suite(GOOD)})
    assert end.value.code == 2
    assert "nothing" in capsys.readouterr().err


def test_a_part_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["one", "--part", "only", "--json"], {"one": make_suite(GOOD)}) == 0
    assert json.loads(capsys.readouterr().out)


def test_the_table_is_aligned() -> None:
    head, *lines = write_table([GOOD, BAD, SHOWN]).splitlines()
    at = head.index("wanted")
    assert [line[at:].split("  ")[0].strip() for line in lines] == ["at most 1.3 x floor", "at most 50", ""]


def test_the_page_names_machine_date_command_and_misses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.md"
    assert main(["--write", str(file)], {"one": make_suite(GOOD, BAD)}) == 1
    capsys.readouterr()
    text = file.read_text()
    assert "`python -m bench one`" in text
    assert "Does not hold: slow thing." in text
    assert "| quick thing | 12.3 | ms | 10 | 1.23 | at most 1.3 x floor | yes |" in text
    page = write_page({"one": [GOOD]}, {"one": "Made up."}, datetime(2026, 1, 2, tzinfo=UTC))
    assert "2026-01-02" in page
    assert "cores" in page
    assert "Python 3" in page
    assert "Does not hold" not in page


def test_the_names_that_are_promised() -> None:
    assert list(SUITES) == ["spawn", "worktree", "web", "slack"]
    assert list(SUITES["spawn"].parts) == ["first", "idle", "updates", "start", "stream"]
    assert list(SUITES["worktree"].parts) == ["worktree", "spare"]


def test_percentiles() -> None:
    values = [float(number) for number in range(1, 101)]
    assert take_percentile(values, 50) == 51
    assert take_percentile(values, 99) == 100
    assert take_percentile([7.0], 99) == 7


def test_this_process_is_seen() -> None:
    import os

    assert read_rss(os.getpid()) > 1_000_000
    assert read_seconds([os.getpid()]) > 0
    assert read_seconds([2**22 + 1]) == 0
    assert os.getpid() in {*find_family(os.getppid()).guards}


def test_the_bare_app_has_as_many_commands() -> None:
    text = write_bare_app(3)
    compile(text, "bare.py", "exec")
    assert text.count("@app.command()") == 3
