"""One bot for the tests of a file: they share its loop (`pytestmark`) and leave each other's agents alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.bot.web.door import Door


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    """A running bot."""
    opened = Door(tmp_path_factory.mktemp("door") / "home")
    await opened.start()
    yield opened
    await opened.stop()
