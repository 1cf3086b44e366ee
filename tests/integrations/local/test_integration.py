from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from core.interfaces import Setup
from integrations.local import integration
from integrations.local.host import LocalHost
from integrations.local.repositories import LocalRepositories

ROOT = Path(__file__).parents[3]


def test_what_is_offered(home: Path) -> None:
    setup = Setup(home, None, None, None, None, None)  # type: ignore[arg-type]
    assert integration.host
    assert integration.repositories
    assert isinstance(integration.host(setup), LocalHost)
    assert isinstance(integration.repositories(setup), LocalRepositories)


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    program = "import sys, integrations.local; print([n for n in sys.modules if n.startswith('integrations.local.')])"
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
