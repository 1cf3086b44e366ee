"""Filling in a modal, and obeying the app's answer to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.fakes.slack import payloads
from tests.fakes.slack.modals import change_view, keep_view, read_view
from tests.fakes.slack.pointing import Picked, find_element, list_elements, pick_option
from tests.fakes.slack.records import Denied, Json, View

if TYPE_CHECKING:
    from tests.fakes.slack.hands import User
    from tests.fakes.slack.server import FakeSlack


async def fill_form(user: User, view: View, values: Mapping[str, Any]) -> None:
    """Write into a modal's state. Fails for a name that is not there and a required field left empty."""
    given = {id(find_element(view, name).element): value for name, value in values.items()}
    for picked in [each for each in list_elements(view) if each.block["type"] == "input"]:
        value = given.get(id(picked.element))
        state = view.values.setdefault(picked.block_id, {})
        if value is not None:
            state[picked.action_id] = payloads.write_state(picked, await _enter(user, view, picked, value))
        else:
            state.setdefault(picked.action_id, payloads.write_state(picked, _read_initial(picked.element)))
        _check_filled(picked, state[picked.action_id])


async def _enter(user: User, view: View, picked: Picked, value: Any) -> Any:
    """What Slack keeps of what somebody types or chooses."""
    kind = picked.element["type"]
    if kind.endswith("_text_input") or kind == "number_input":
        _check_length(picked.element, value)
        return value
    if kind not in ("radio_buttons", "checkboxes") and "static" not in kind and "external" not in kind:
        return value
    names = value if isinstance(value, list) else [value]
    chosen = [pick_option(await user.list_options(view, picked.action_id, name), name) for name in names]
    return chosen if isinstance(value, list) else chosen[0]


def _check_length(element: Json, value: str) -> None:
    least, most = element.get("min_length", 0), element.get("max_length", 3000)
    assert least <= len(value) <= most, f"Slack takes {least} to {most} characters here, not {len(value)}"


def _read_initial(element: Json) -> Any:
    for key in ("initial_value", "initial_option", "initial_options", "initial_date", "initial_time"):
        if element.get(key) is not None:
            return element[key]
    return None


def _check_filled(picked: Picked, state: Json) -> None:
    filled = any(value not in (None, "", []) for key, value in state.items() if key != "type")
    assert filled or picked.block.get("optional"), f"{picked.names[0]!r} is required"


def take_answer(slack: FakeSlack, view: View, answer: Json | str | None) -> None:
    """Do what the app answered a submission with. Raises Denied when Slack would show "trouble connecting"."""
    if not answer:
        view.closed = True
        return
    act = answer.get("response_action") if isinstance(answer, dict) else None
    if isinstance(answer, str) or act not in _ANSWERS:
        raise Denied("invalid_response_action", given=answer)
    _ANSWERS[act](slack, view, answer)


def _show_errors(slack: FakeSlack, view: View, answer: Json) -> None:
    inputs = {block["block_id"] for block in view.content["blocks"] if block["type"] == "input"}
    if not answer.get("errors") or not set(answer["errors"]) <= inputs:
        raise Denied("invalid_errors", given=answer)


def _update(slack: FakeSlack, view: View, answer: Json) -> None:
    change_view(slack, view, read_view(slack, answer.get("view"), "modal"))


def _push(slack: FakeSlack, view: View, answer: Json) -> None:
    keep_view(slack, view.user, read_view(slack, answer.get("view"), "modal"), below=view)


def _clear(slack: FakeSlack, view: View, answer: Json) -> None:
    for open_view in slack.modals(view.user):
        open_view.closed = True


_ANSWERS = {"errors": _show_errors, "update": _update, "push": _push, "clear": _clear}
