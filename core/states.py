"""The words of the nouns: roles, states and outcomes."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Role(IntEnum):
    """What a person may do; each includes the ones below."""

    NOBODY = 0
    VIEWER = 1
    OPERATOR = 2
    APPROVER = 3
    ADMIN = 4


class Status(StrEnum):
    """Of an agent, in the order in which people care."""

    NEEDS_YOU = "needs you"
    STUCK = "stuck"
    FAILED = "failed"
    WORKING = "working"
    QUEUED = "queued"
    READY = "ready"
    DONE = "done"
    STOPPED = "stopped"


class ProcessState(StrEnum):
    """Of an agent's process, as far as its supervisor knows."""

    NONE = "none"
    STARTING = "starting"
    RUNNING = "running"


class Outcome(StrEnum):
    """How an agent's last run ended; NONE while there is work to do."""

    NONE = ""
    DONE = "done"
    READY = "ready"
    FAILED = "failed"
    STOPPED = "stopped"


class Wanted(StrEnum):
    """What people want of an agent."""

    RUN = "run"
    REST = "rest"
    STOP = "stop"


class RequestKind(StrEnum):
    PERMISSION = "permission"
    QUESTION = "question"


class RequestState(StrEnum):
    OPEN = "open"
    ANSWERED = "answered"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Verdict(StrEnum):
    """An answer to a Request. NO_ANSWER is not a denial."""

    ONCE = "once"
    AGENT = "for this agent"
    DENIED = "denied"
    ANSWERED = "answered"
    NO_ANSWER = "no answer"
    CANCELLED = "cancelled"


class MessageState(StrEnum):
    """Of a message to an agent. SENT: handed over in a turn that has not ended."""

    QUEUED = "queued"
    SENT = "sent"
    DONE = "done"
    DROPPED = "dropped"


class Lane(StrEnum):
    """By urgency; a lane cannot be filled by another."""

    CRITICAL = "critical"
    HUMAN = "human"
    NORMAL = "normal"
    BULK = "bulk"


class DeliveryState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
