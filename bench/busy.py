"""`python -m bench.busy`: the bot, with events of its own making."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from bench.append import append_steadily
from bot.app import Bot
from bot.web.server import bind_socket
from core.events import Event
from core.settings import load_settings
from core.store import append_events


async def serve(home: Path) -> None:
    """The whole bot; each event is a transaction of its own, as an act's would be."""
    bot = Bot(home, load_settings(home / "callboard.yaml", os.environ, home), bind_socket("127.0.0.1", 0))

    async def append(count: int) -> None:
        for number in range(count):
            async with bot.database.transaction() as tx:
                event = Event("agent.activity", bot.clock.now(), agent="bench-1", data={"what": f"step {number}"})
                await append_events(tx, event)

    appending = asyncio.create_task(append_steadily(home, append))
    await bot.run()
    appending.cancel()


if __name__ == "__main__":
    asyncio.run(serve(Path(os.environ["CALLBOARD_HOME"])))
