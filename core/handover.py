"""Files on their way to an agent: read from the store, put where the agent can read them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import structlog

from core.errors import TemporaryFailure
from core.interfaces import GivenFile
from core.model import AgentMessage
from core.store import Transaction
from core.store.files import load_contents

log = structlog.get_logger()


async def find_files(tx: Transaction, home: Path, message: AgentMessage) -> list[GivenFile]:
    """The files of a message and where each will be: a folder of the message's own below its agent's."""
    if not message.files:
        return []
    contents = await load_contents(tx, message.files)
    if gone := [file.name for file in message.files if file.sha256 not in contents]:
        log.warning("files are gone", agent=message.agent, files=gone)
    folder = home / "agents" / message.agent / "files" / message.id
    return [
        GivenFile(file.name, file.kind, str(folder / file.name), contents[file.sha256])
        for file in message.files
        if file.sha256 in contents
    ]


async def place_files(files: Sequence[GivenFile]) -> None:
    """Write them, whatever stands in their places. Raises TemporaryFailure when the disk does not take them."""
    for file in files:
        await asyncio.to_thread(_write_file, Path(file.path), file.content)


def _write_file(path: Path, content: bytes) -> None:
    """An agent may have put a link there: it is not followed."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            file.write(content)
    except OSError as error:
        raise TemporaryFailure(f"{path.name} cannot be handed over: {error.strerror}.", retry_after=30) from error
