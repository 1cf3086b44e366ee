"""How soon Slack's commands are acknowledged, beside a bare bolt app that does nothing else."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from bench.house import ROOT, end_bot, open_house
from bench.row import Row, Wanted, take_percentile
from bench.suite import Suite
from tests.fakes.slack.server import FakeSlack

COMMANDS = 1_000
SECONDS = 10.0
_READY = 60.0
_SETTLED = 4.0
ABOUT = """- *commands of Slack*: 1,000 of `/agent list` within 10 s over Socket Mode, each sent when it is due: from
  its envelope to its acknowledgement, which Callboard sends when the command is stored. Floor: a bolt app over the same
  Slack, in the same run, that acknowledges and does nothing."""


async def measure_commands(commands: int = COMMANDS, seconds: float = SECONDS) -> Sequence[Row]:
    """Both in one run, the floor first."""
    bare = await time_bare(commands, seconds)
    ours = await time_bot(commands, seconds)
    name = f"{commands:,} commands of Slack in {seconds:g} s: ack"
    return [
        Row(f"{name}, p50", take_percentile(ours, 50), "ms", take_percentile(bare, 50)),
        Row(f"{name}, p99", take_percentile(ours, 99), "ms", take_percentile(bare, 99), Wanted(1.3, times=True)),
        Row(f"{name}, longest", max(ours), "ms", max(bare), Wanted(3_000)),
    ]


@asynccontextmanager
async def open_slack() -> AsyncIterator[FakeSlack]:
    """A Slack that waits for as long as it takes, and limits nobody: neither is measured."""
    async with FakeSlack(ack_seconds=60) as slack:
        slack.pace.limits.clear()
        slack.channel("ops", slack.user("ann"))
        yield slack


async def time_bare(commands: int, seconds: float) -> list[float]:
    """Milliseconds of each command that a bare bolt app acknowledges."""
    async with open_slack() as slack:
        env = {**os.environ, "API": slack.base_url, "BOT": slack.bot_token, "APP": slack.app_token}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.bolt", cwd=ROOT, env={**env, "PYTHONPATH": str(ROOT)}
        )
        try:
            return await send_commands(slack, commands, seconds, connections=1)
        finally:
            await end_bot(process)


async def time_bot(commands: int, seconds: float) -> list[float]:
    """The same of the bot."""
    async with open_slack() as slack:
        ann = slack.user("ann")
        identity = f"slack:{slack.team}/{ann.id}"
        secrets = {"SLACK_BOT_TOKEN": slack.bot_token, "SLACK_APP_TOKEN": slack.app_token}
        settings: dict[str, Any] = {
            "integrations": {"slack": {"api_url": slack.base_url}},
            "people": {"ann": {"role": "admin", "identities": [identity]}},
        }
        async with open_house(settings, secrets=secrets):
            return await send_commands(slack, commands, seconds, connections=2)


async def send_commands(slack: FakeSlack, number: int, seconds: float, connections: int) -> list[float]:
    """Milliseconds of each. Raises RuntimeError when one was not acknowledged, or was refused."""
    ann = slack.user("ann")
    await slack.wait(lambda: len(slack.sockets.open) == connections, _READY)
    await ann.command("/agent", "list", "ops")
    # What a process loads once after its start is no part of what a command waits for.
    await asyncio.sleep(_SETTLED)
    loop = asyncio.get_running_loop()
    began, sending = loop.time(), []
    for index in range(number):
        await asyncio.sleep(max(0.0, began + index * seconds / number - loop.time()))
        sending.append(asyncio.create_task(ann.command("/agent", "list", "ops")))
    sent = await asyncio.gather(*sending)
    refused = [one for one in sent if one.seconds is None or "nothing was done" in str(one.answer)]
    if refused:
        print(f"refused or not acknowledged: {len(refused)} of {number}", file=sys.stderr)
    return [(one.seconds or 60.0) * 1000 for one in sent]


SUITE = Suite(ABOUT, {"commands": measure_commands})
