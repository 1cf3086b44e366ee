"""What `doctor` asks of each real agent: who it is, whether somebody signed in, what it can."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.interfaces import Launch, Walls, Workspace
from integrations.acp.runtime import AcpRuntime
from integrations.bubblewrap.sandbox import Bubblewrap
from integrations.local.host import LocalHost
from tests.agents.real import CACHE, RealAgent
from tests.agents.test_agents import MODES
from tests.fakes.walls import require_sandbox


@pytest.mark.parametrize("walled", [False, True], ids=["open", "walled"])
async def test_greets_as_doctor_does(real_agent: RealAgent, repository: Path, tmp_path: Path, walled: bool) -> None:
    host = LocalHost(tmp_path / "bot")
    launch = Launch("doctor.kind", real_agent.command, real_agent.env, str(repository), tmp_path / "log")
    if walled:
        require_sandbox()
        nowhere = Workspace("doctor.kind", "", str(repository), "", "", "")
        walls = Walls(writable=[real_agent.env["HOME"]], readable=[str(CACHE)])
        launch = await Bubblewrap(tmp_path / "bot").wrap(launch, nowhere, (), walls)
    process = await host.start(launch)
    try:
        hello = await AcpRuntime().greet(process.reader, process.writer, str(repository))
    finally:
        await process.kill()
        host.close()
    assert hello.version
    assert "load" in hello.can
    assert hello.signed_in is True
    assert set(MODES[real_agent.name]) <= set(hello.modes)
