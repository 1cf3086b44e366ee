"""The record: what is offered, and what it costs to look at it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from core.interfaces import Kind
from integrations.acp import integration


def test_looking_at_the_record_imports_no_protocol() -> None:
    code = "import sys; from integrations.acp import integration; sys.exit('acp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_kinds_that_are_known() -> None:
    assert [kind.name for kind in integration.kinds] == ["claude", "codex", "gemini", "opencode"]


@pytest.mark.parametrize("kind", integration.kinds, ids=lambda kind: kind.name)
def test_a_kind_may_inherit_what_signs_it_in(kind: Kind) -> None:
    variables = [name for name in kind.sign_in if not name.startswith("~/")]
    assert set(variables) <= set(kind.env)
    assert kind.install.startswith("npm install -g ")
    assert not kind.scripted
