"""The exam of integrations, for the tests of whoever writes one: every check raises AssertionError with what is wrong.

It needs no test framework and no account; `docs/plugins.md` shows how it is used.
"""

from __future__ import annotations

from core.exam.chat import examine_chat
from core.exam.notifier import examine_notifier
from core.exam.record import examine_integration, make_setup
from core.exam.runtime import Recorder, examine_runtime

__all__ = ["Recorder", "examine_chat", "examine_integration", "examine_notifier", "examine_runtime", "make_setup"]
