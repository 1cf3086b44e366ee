"""Faults on the line to Slack, as many of each as wanted: a few in the suite, all of them by `make faults`."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.fakes.slack.records import Sent
from tests.fakes.slack.server import FakeSlack
from tests.flows.house import LiveHouse
from tests.flows.shot import ShotHouse
from tests.flows.test_slack import Team


class SlackShot:
    """A bot as a process of its own, in a workspace of the stand-in."""

    def __init__(self, folder: Path, slack: FakeSlack) -> None:
        self.slack = slack
        self.ann = slack.user("ann")
        self.ops = slack.channel("ops", self.ann)
        people = {"ann": {"role": "admin", "identities": [f"slack:{slack.team}/{self.ann.id}"]}}
        self.house = ShotHouse(
            folder / "home", {"integrations": {"slack": {"api_url": slack.base_url}}, "people": people}
        )
        tokens = f"SLACK_BOT_TOKEN={slack.bot_token}\nSLACK_APP_TOKEN={slack.app_token}\n"
        (self.house.home / ".env").write_text(tokens)

    async def start(self) -> None:
        """Start, and wait for both connections."""
        await self.house.start()
        await self.slack.wait(lambda: len(self.slack.sockets.open) == 2)

    def count_calls(self, command: str) -> int:
        """How often a command of Slack was taken, by what the database says."""
        rows = self.house.read(f"SELECT count(*) FROM inbox WHERE door = 'slack' AND command = '{command}'")
        return int(rows[0][0])

    async def answered(self) -> None:
        """Wait until all that came in was understood and answered."""
        waits = "SELECT (SELECT count(*) FROM heard) + (SELECT count(*) FROM inbox WHERE handled_at IS NULL)"
        async with asyncio.timeout(60):
            while self.house.read(waits)[0][0]:
                await asyncio.sleep(0.1)


async def shoot_between(shot: SlackShot, kills: int, seed: int) -> Counter[str]:
    """F4: a mention is on its way when the bot is killed; Slack sends it again to the next one."""
    dice, seen = random.Random(seed), Counter[str]()
    await shot.start()
    for number in range(kills):
        telling = asyncio.create_task(shot.ann.mention(shot.ops, f"spawn sample -- say number-{number}."))
        await shot.slack.wait(lambda number=number: find_mention(shot.slack, f"number-{number}."))  # type: ignore[misc]
        mention = find_mention(shot.slack, f"number-{number}.")
        assert mention
        await asyncio.sleep(dice.choice((0.0, dice.uniform(0, 0.02), dice.uniform(0, 0.2))))
        await shot.house.shoot()
        seen["acknowledged" if mention.is_acked else "not acknowledged"] += 1
        await telling
        await shot.start()
        for _ in range(2):
            assert await shot.slack.redeliver(mention) == ""
        await shot.slack.advance(400)
    return seen


def find_mention(slack: FakeSlack, words: str) -> Sent | None:
    """The event that tells of a mention."""
    events = ((sent, sent.payload.get("event", {})) for sent in slack.sent)
    return next((sent for sent, event in events if event.get("type") == "app_mention" and words in event["text"]), None)


async def send_commands(slack: FakeSlack, user: Any, text: str, number: int, seconds: float) -> list[Sent]:
    """So many commands, evenly over so many seconds, whether or not those before them were answered."""
    began = asyncio.get_running_loop().time()
    sending = []
    for index in range(number):
        await asyncio.sleep(max(0.0, began + index * seconds / number - asyncio.get_running_loop().time()))
        sending.append(asyncio.create_task(user.command("/agent", text, "ops")))
    return list(await asyncio.gather(*sending))


async def block_loop(shot: SlackShot, seconds: float) -> None:
    """F15: the bot's loop stands still while a mention and its repetitions come in."""
    await shot.start()
    assert shot.house.process
    slack, os_pid = shot.slack, shot.house.process.pid
    os.kill(os_pid, signal.SIGSTOP)
    telling = asyncio.create_task(shot.ann.mention(shot.ops, "spawn sample -- say hello"))
    began = time.monotonic()
    await slack.wait(lambda: find_mention(slack, "spawn"))
    mention = find_mention(slack, "spawn")
    assert mention
    await telling
    await asyncio.sleep(max(0.0, seconds - (time.monotonic() - began)))
    assert not mention.is_acked
    os.kill(os_pid, signal.SIGCONT)
    await slack.wait(lambda: len(slack.sockets.open) >= 1)
    await slack.advance(400)
    for _ in range(2):
        await slack.redeliver(mention)
    async with asyncio.timeout(60):
        while "stood still" not in shot.house.said.read_text():
            await asyncio.sleep(0.05)
    await shot.answered()


# ----------------------------------------------------------------------------------------------------------- forged


def forge(dice: random.Random, secret: str, body: bytes) -> tuple[Sequence[tuple[bytes, bytes]], bytes]:
    """Headers and body of somebody who has no secret, or a request of yesterday."""
    now = int(time.time())
    stamp = str(dice.choice((now, now, now - 301, now - 86_400, now + 301, 0)))
    good = sign(secret, str(now), body)
    fresh = stamp == str(now)
    signatures = [
        sign("guess", stamp, body), good.replace("v0=", "v1="), good.replace("v0=", ""), good[:-1], good.upper(),
        "v0=" + "0" * 64, "v0=" + "é" * 32, "", "v0=", f"{good}, {good}", sign(secret, stamp, body + b" "),
    ]  # fmt: skip
    if not fresh:
        signatures.append(sign(secret, stamp, body))
    signature = dice.choice(signatures)
    stamps = [stamp, stamp, stamp, f"+{stamp}", f"{stamp}.0", "-1", "١٢٣", "yesterday", "9" * 400, ""]
    headers = {"X-Slack-Request-Timestamp": dice.choice(stamps), "X-Slack-Signature": signature}
    for name in list(headers):
        if dice.random() < 0.1:
            del headers[name]
    kind = dice.choice(("application/x-www-form-urlencoded", "application/json", "text/plain; charset=utf-7", "x"))
    headers["Content-Type"] = kind
    content = dice.choice((body, body, b"", b"\xff\xfe\x00", b"{" * 5_000, b"payload=%ff%fe", body + b"&x=1"))
    if content != body:
        # Whatever signature there is, it is of another body.
        headers["X-Slack-Signature"] = good
    return [(name.encode(), value.encode("utf-8")) for name, value in headers.items()], content


def sign(secret: str, stamp: str, body: bytes) -> str:
    return "v0=" + hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()


async def send_forged(house: LiveHouse, secret: str, number: int, seed: int, connections: int = 8) -> Counter[int]:
    """Raw requests over some connections; how often each status was answered."""
    body = urlencode({"command": "/agent", "text": "spawn sample -- say forged", "user_id": "U1", "channel_id": "C1",
                      "team_id": "T0HOME", "trigger_id": "1.2.3"}).encode()  # fmt: skip
    host, port = house.bot.sock.getsockname()[:2]
    shares = [number // connections + (index < number % connections) for index in range(connections)]
    jobs = [_send_share(host, port, secret, body, share, seed + index) for index, share in enumerate(shares)]
    return sum(await asyncio.gather(*jobs), Counter[int]())


async def _send_share(host: str, port: int, secret: str, body: bytes, number: int, seed: int) -> Counter[int]:
    dice, statuses = random.Random(seed), Counter[int]()
    reader, writer = await asyncio.open_connection(host, port)
    for _ in range(number):
        headers, content = forge(dice, secret, body)
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        head = b"POST /hooks/slack/events HTTP/1.1\r\nHost: x\r\n" + lines
        writer.write(head + b"Content-Length: " + str(len(content)).encode() + b"\r\n\r\n" + content)
        await writer.drain()
        status, is_over = await _read_answer(reader)
        statuses[status] += 1
        if is_over:
            writer.close()
            reader, writer = await asyncio.open_connection(host, port)
    writer.close()
    return statuses


async def _read_answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    async with asyncio.timeout(60):
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0]) if b"content-length:" in head else 0
        await reader.readexactly(length)
    return int(head.split()[1]), b"connection: close" in head


# ---------------------------------------------------------------------------------------------------------- waiting


async def await_calls(team: Team, number: int) -> None:
    """Wait until so many commands were taken from Slack."""
    async with asyncio.timeout(60):
        while len(await team.calls()) < number:
            await asyncio.sleep(0.05)
