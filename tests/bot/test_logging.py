"""What the bot says of itself: lines or JSON, and never a secret, not by a traceback either."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from bot.logging import set_logging, veil
from core.redaction import Redactor

SECRET = "hunter2-is-the-word"
TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before, level, hiding = list(logging.root.handlers), logging.root.level, veil.redact
    yield
    veil.redact = hiding
    structlog.reset_defaults()
    logging.root.handlers[:] = before
    logging.root.setLevel(level)


def stumble(password: str) -> None:
    raise ValueError(f"no such thing: {len(password)}")


def fill(out: io.StringIO, form: str) -> str:
    set_logging("info", form, out)
    veil.redact = Redactor([SECRET]).redact
    log = structlog.get_logger()
    log.debug("not shown")
    log.info("a fact", agent="web-1", url=f"https://a:{SECRET}@host", words=[TOKEN])
    logging.getLogger("library").warning("its line with %s", SECRET)
    try:
        stumble(SECRET)
    except ValueError:
        log.exception("it broke")
    return out.getvalue()


@pytest.mark.parametrize("form", ["auto", "json", "text"])
@pytest.mark.parametrize("out", [io.StringIO, Terminal])
def test_no_secret_is_logged(form: str, out: type[io.StringIO]) -> None:
    said = fill(out(), form)
    assert SECRET not in said
    assert TOKEN not in said
    assert "[redacted" in said
    assert "not shown" not in said
    for part in ("a fact", "web-1", "its line with", "it broke", "no such thing: 19", "stumble"):
        assert part in said


def test_a_traceback_holds_no_local_variables() -> None:
    out = io.StringIO()
    set_logging("info", "json", out)
    unknown = "words-of-a-person"
    try:
        stumble(unknown)
    except ValueError:
        structlog.get_logger().exception("it broke")
    assert unknown not in out.getvalue()


def test_elsewhere_than_on_a_terminal_every_line_is_json() -> None:
    out = io.StringIO()
    set_logging("info", "auto", out)
    structlog.get_logger().warning("a fact", what=object(), text="two\nlines")
    (line,) = out.getvalue().splitlines()
    read = json.loads(line)
    assert (read["event"], read["level"], read["text"]) == ("a fact", "warning", "two\nlines")


def test_it_can_be_set_anew() -> None:
    first, second = io.StringIO(), io.StringIO()
    set_logging("warning", "json", first)
    set_logging("warning", "json", second)
    structlog.get_logger().warning("a")
    logging.getLogger("library").warning("b")
    assert first.getvalue() == ""
    assert len(second.getvalue().splitlines()) == 2
