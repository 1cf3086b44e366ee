"""`python -m bench.bolt`: a bolt app over Socket Mode that acknowledges every command and does nothing."""

from __future__ import annotations

import asyncio
import os

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient


async def serve() -> None:
    """Until it is ended."""
    app = AsyncApp(client=AsyncWebClient(token=os.environ["BOT"], base_url=os.environ["API"]))

    @app.command("/agent")
    async def command(ack: AsyncAck) -> None:
        await ack()

    client = AsyncWebClient(token=os.environ["APP"], base_url=os.environ["API"])
    handler = AsyncSocketModeHandler(app, os.environ["APP"], web_client=client)
    await handler.start_async()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    asyncio.run(serve())
