"""Errors, cut by what to do next.

CallboardError
├── UserError            tell the person; nothing was changed
│   ├── BadInput         … the words do not fit
│   ├── NotFound         … no such thing
│   ├── Refused          … not allowed
│   └── Conflict         … not in this state
├── TemporaryFailure     try again later, with the same key
│   └── Held             … but only when somebody has done what the remedy says
├── PermanentFailure     give up and say so
└── ConfigurationError   refuse to start: file, key, remedy
"""

from __future__ import annotations


class CallboardError(Exception):
    """Base of all. `message` is one line for a person, `remedy` says what to do next (may be empty)."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class UserError(CallboardError):
    """Tell the person who asked. Nothing was changed."""

    code = "bad_request"


class BadInput(UserError):
    """The words, fields or file do not fit."""

    code = "bad_input"


class NotFound(UserError):
    """There is no such agent, request, project, …"""

    code = "not_found"


class Refused(UserError):
    """Not allowed for this actor, now."""

    code = "refused"


class Conflict(UserError):
    """The thing is not in a state in which this can be done."""

    code = "conflict"


class TemporaryFailure(CallboardError):
    """Try again with the same key. `retry_after` is in seconds, None when the other side named no time."""

    def __init__(self, message: str, *, remedy: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after = retry_after


class Held(TemporaryFailure):
    """Trying again helps only when somebody has done something: a token was revoked, say. What has to go out waits for
    it, however long, and that does not count as tries."""

    def __init__(self, message: str, *, remedy: str = "", retry_after: float | None = 3600.0) -> None:
        super().__init__(message, remedy=remedy, retry_after=retry_after)


class PermanentFailure(CallboardError):
    """Trying again cannot help: give up, write it down, tell somebody."""


class ConfigurationError(CallboardError):
    """Refuse to start (exit code 2). `where` names file and key."""

    def __init__(self, message: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.where = where

    def __str__(self) -> str:
        return f"{self.where}: {super().__str__()}" if self.where else super().__str__()
