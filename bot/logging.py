"""What the bot says of itself, on its error output: lines for people on a terminal, JSON elsewhere; without secrets."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TextIO

import structlog
from structlog.tracebacks import ExceptionDictTransformer

from core.redaction import redact as redact_shapes

_FORM = "%(asctime)s %(levelname)s %(name)s %(message)s"


class Veil:
    """What hides secrets in every line of this process: what looks like one, until the configured ones are known."""

    def __init__(self) -> None:
        self.redact: Callable[[str], str] = redact_shapes


veil = Veil()


def set_logging(level: str, form: str, out: TextIO) -> None:
    """Set up structlog, and let the libraries' warnings through it."""
    as_json = form == "json" or (form == "auto" and not out.isatty())
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(_list_json_steps() if as_json else _list_line_steps(out)),
            lambda _logger, _method, line: veil.redact(str(line)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(out),
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(_Formatter(_FORM))
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)


# The values of local variables are left out of both: prompts, answers and tokens are among them.
def _list_json_steps() -> list[Any]:
    tracebacks = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
    return [tracebacks, structlog.processors.JSONRenderer(default=str)]


def _list_line_steps(out: TextIO) -> list[Any]:
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=plain)]


class _Formatter(logging.Formatter):
    """The libraries' lines, without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        return veil.redact(super().format(record))
