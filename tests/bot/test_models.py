"""A wrong model is refused with the names that are near it."""

from __future__ import annotations

import json

import pytest

from bot.models import OWNER, demand_model
from core.errors import BadInput
from core.store import Database, set_note


@pytest.fixture
async def known(database: Database) -> Database:
    async with database.transaction() as tx:
        await set_note(tx, OWNER, "demo", json.dumps(["Demo-small", "demo-large", "opus"]))
    return database


@pytest.mark.parametrize(
    ("model", "remedy"),
    [
        ("demo-smal", "Did you mean Demo-small or demo-large? It offers Demo-small, "),
        ("OPUSS", "Did you mean opus? It offers "),
        ("zzz", "It offers Demo-small, demo-large, opus; "),
    ],
)
async def test_a_typo_is_refused_with_the_nearest_names(known: Database, model: str, remedy: str) -> None:
    async with known.reading() as tx:
        with pytest.raises(BadInput, match="has no model") as caught:
            await demand_model(tx, "demo", model)
    assert caught.value.remedy.startswith(remedy)


@pytest.mark.parametrize(("kind", "model"), [("demo", ""), ("demo", " DEMO-SMALL "), ("never-heard", "zzz")])
async def test_what_is_offered_or_unheard_of_is_taken(known: Database, kind: str, model: str) -> None:
    async with known.reading() as tx:
        await demand_model(tx, kind, model)
