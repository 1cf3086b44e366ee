"""Models and modes that a session offers, in the old and the new form of the protocol. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import PermanentFailure

OLD_STYLE = {
    "model": ("models", "availableModels", "modelId", "session/set_model"),
    "mode": ("modes", "availableModes", "id", "session/set_mode"),
}


@dataclass(frozen=True, slots=True)
class Offer:
    """One model or mode, and the request that chooses it."""

    id: str
    name: str
    method: str
    params: Mapping[str, Any]


def list_offers(what: str, result: Mapping[str, Any], session: str) -> Sequence[Offer]:
    """The models or modes (`what` is model or mode) in the result of session/new, load or resume."""
    return list_options(what, result, session) or list_old_offers(what, result, session)


def list_options(what: str, result: Mapping[str, Any], session: str) -> list[Offer]:
    options = [item for item in read_list(result.get("configOptions")) if item.get("type", "select") == "select"]
    option = next((item for item in options if what in (item.get("category"), item.get("id"))), None)
    if option is None:
        return []
    base = {"sessionId": session, "configId": option.get("id")}
    return [
        make_offer(value, "value", "session/set_config_option", {**base, "value": value["value"]})
        for value in flatten_values(option)
        if isinstance(value.get("value"), str)
    ]


def flatten_values(option: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for value in read_list(option.get("options")):
        found.extend(read_list(value["options"]) if "options" in value else [value])
    return found


def list_old_offers(what: str, result: Mapping[str, Any], session: str) -> list[Offer]:
    holder, listing, key, method = OLD_STYLE[what]
    state = result.get(holder)
    items = read_list(state.get(listing)) if isinstance(state, Mapping) else []
    known = [item for item in items if isinstance(item.get(key), str)]
    return [make_offer(item, key, method, {"sessionId": session, f"{what}Id": item[key]}) for item in known]


def make_offer(item: Mapping[str, Any], key: str, method: str, params: Mapping[str, Any]) -> Offer:
    name = item.get("name")
    return Offer(item[key], name if isinstance(name, str) else item[key], method, params)


def read_list(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def pick_offer(what: str, wanted: str, offers: Sequence[Offer]) -> Offer:
    """The offer that is meant, by id or name. Raises PermanentFailure that names what is offered."""
    exact = next((offer for offer in offers if wanted in (offer.id, offer.name)), None)
    said = wanted.strip().lower()
    found = exact or next((offer for offer in offers if said in (offer.id.lower(), offer.name.lower())), None)
    if found:
        return found
    names = ", ".join(offer.id for offer in offers[:30])
    more = f" and {len(offers) - 30} more" if len(offers) > 30 else ""
    remedy = f"Offered: {names}{more}." if offers else f"It offers no choice of {what}."
    raise PermanentFailure(f"The agent has no {what} {wanted!r}.", remedy=remedy)
