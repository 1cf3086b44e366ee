"""Block elements and composition objects: what Slack takes and what it refuses."""

from __future__ import annotations

from collections.abc import Callable

from tests.fakes.slack.checks import EITHER, Check

_COMMON = ("type", "action_id", "focus_on_load")
_MENU = (*_COMMON, "placeholder", "confirm")
_INPUT = (*_COMMON, "placeholder", "initial_value", "dispatch_action_config")


def check_element(check: Check, allowed: frozenset[str]) -> None:
    """An element of a block that takes elements of these kinds."""
    kind = str(check.get("type"))
    if kind not in allowed or kind not in _KINDS:
        check.note(f"unsupported type: {kind}", "type")
        return
    _KINDS[kind](check)
    if kind != "image":
        check.string("action_id", 255)
        check.truth("focus_on_load")


def check_confirm(check: Check) -> None:
    if not check.has("confirm"):
        return
    confirm = check.child("confirm")
    if not confirm.is_object():
        return
    confirm.only("title", "text", "confirm", "deny", "style")
    confirm.text("title", 100)
    confirm.text("text", 300, EITHER)
    confirm.text("confirm", 30)
    confirm.text("deny", 30)
    confirm.choice("style", ("primary", "danger"))


def check_option(check: Check, kinds: tuple[str, ...] = ("plain_text",), linked: bool = False) -> None:
    check.only("text", "value", "description", *(("url",) if linked else ()))
    check.text("text", 75, kinds)
    check.string("value", 75, required=True)
    check.text("description", 75, kinds, required=False)
    if linked:
        check.string("url", 3000)


def check_options(
    check: Check, most: int = 100, kinds: tuple[str, ...] = ("plain_text",), linked: bool = False
) -> None:
    options = list(check.items("options", most))
    for option in options:
        check_option(option, kinds, linked)
    _check_twins(options)


def check_offer(check: Check) -> None:
    """What an options load is answered: `options` or `option_groups`."""
    check.only("options", "option_groups")
    if check.has("options") == check.has("option_groups"):
        check.note("must provide either options or option_groups")
    # An empty offer is fine here: the person sees "No result".
    for option in check.items("options", 100, least=0, required=False):
        check_option(option)
    _check_groups(check, least=0)


def _check_twins(options: list[Check]) -> None:
    values = [option.get("value") for option in options]
    for option in options:
        if values.count(option.get("value")) > 1:
            option.note("options must have unique values", "value")


def _check_groups(check: Check, least: int = 1) -> None:
    for group in check.items("option_groups", 100, least=least, required=False):
        group.only("label", "options")
        group.text("label", 75)
        check_options(group)


def _check_button(check: Check) -> None:
    check.only("type", "text", "action_id", "url", "value", "style", "confirm", "accessibility_label")
    check.text("text", 75)
    check.string("url", 3000)
    check.string("value", 2000)
    check.string("accessibility_label", 75)
    check.choice("style", ("primary", "danger"))
    check_confirm(check)


def _check_menu(check: Check) -> None:
    check.text("placeholder", 150, required=False)
    check.number("max_selected_items", 1, 10_000)
    check_confirm(check)


def _check_static(check: Check) -> None:
    check.only(*_MENU, "options", "option_groups", "initial_option", "initial_options", "max_selected_items")
    _check_menu(check)
    if check.has("options") == check.has("option_groups"):
        check.note("must provide either options or option_groups")
        return
    if check.has("options"):
        check_options(check)
    _check_groups(check)
    _check_initial(check)


def _check_initial(check: Check) -> None:
    offered = check.objects("options")
    for group in check.objects("option_groups"):
        offered += group["options"] if isinstance(group.get("options"), list) else []
    chosen = [check.get("initial_option"), *check.objects("initial_options")]
    if any(option is not None and option not in offered for option in chosen):
        check.note("initial option must match one of the options", "initial_option")


def _check_external(check: Check) -> None:
    check.only(*_MENU, "initial_option", "initial_options", "min_query_length", "max_selected_items")
    _check_menu(check)
    check.number("min_query_length", 0, 100)
    if check.has("initial_option") and check.child("initial_option").is_object():
        check_option(check.child("initial_option"))


def _check_picker(check: Check) -> None:
    """A menu that Slack fills itself: people, conversations, channels."""
    kind = str(check.get("type")).removeprefix("multi_").partition("s_select")[0]
    filled = (f"initial_{kind}", f"initial_{kind}s", "default_to_current_conversation", "filter")
    check.only(*_MENU, *filled, "response_url_enabled", "max_selected_items")
    _check_menu(check)


def _check_overflow(check: Check) -> None:
    check.only("type", "action_id", "options", "confirm")
    check_options(check, 5, linked=True)
    check_confirm(check)


def _check_ticks(check: Check) -> None:
    check.only(*_COMMON, "options", "initial_option", "initial_options", "confirm")
    check_options(check, 10, EITHER)
    check_confirm(check)
    _check_initial(check)


def _check_time(check: Check) -> None:
    check.only(*_MENU, "initial_date", "initial_time", "initial_date_time", "timezone")
    _check_menu(check)


def _check_plain(check: Check) -> None:
    check.only(*_INPUT, "multiline", "min_length", "max_length")
    check.text("placeholder", 150, required=False)
    check.truth("multiline")
    check.number("min_length", 0, 3000)
    check.number("max_length", 1, 3000)
    most = check.get("max_length")
    check.string("initial_value", most if isinstance(most, int) and most < 3000 else 3000, least=0)


def _check_number(check: Check) -> None:
    check.only(*_INPUT, "is_decimal_allowed", "min_value", "max_value")
    check.text("placeholder", 150, required=False)
    if not isinstance(check.get("is_decimal_allowed"), bool):
        check.note("missing required field: is_decimal_allowed")


def _check_field(check: Check) -> None:
    check.only(*_INPUT)
    check.text("placeholder", 150, required=False)


def _check_upload(check: Check) -> None:
    check.only(*_COMMON, "filetypes", "max_files")
    check.number("max_files", 1, 10)


def check_image(check: Check, *more: str) -> None:
    """An image: a public URL or a file of Slack's, not both."""
    check.only("type", "image_url", "slack_file", "alt_text", *more)
    check.string("alt_text", 2000, required=True)
    check.string("image_url", 3000)
    if check.has("image_url") == check.has("slack_file"):
        check.note("must provide either image_url or slack_file")
    if check.has("image_url") and not str(check.get("image_url")).startswith(("https://", "http://")):
        check.note("invalid url", "image_url")


_SELECTS = {
    f"{many}{kind}_select": judge
    for many in ("", "multi_")
    for kind, judge in {
        "static": _check_static,
        "external": _check_external,
        "users": _check_picker,
        "conversations": _check_picker,
        "channels": _check_picker,
    }.items()
}
_KINDS: dict[str, Callable[[Check], None]] = {
    **_SELECTS,
    "button": _check_button,
    "overflow": _check_overflow,
    "checkboxes": _check_ticks,
    "radio_buttons": _check_ticks,
    "datepicker": _check_time,
    "timepicker": _check_time,
    "datetimepicker": _check_time,
    "plain_text_input": _check_plain,
    "email_text_input": _check_field,
    "url_text_input": _check_field,
    "number_input": _check_number,
    "file_input": _check_upload,
    "image": check_image,
}
_ASKING = frozenset({"plain_text_input", "email_text_input", "url_text_input", "number_input", "file_input"})
IN_ACTIONS = frozenset(_KINDS) - _ASKING - {"image"}
IN_SECTION = frozenset(_KINDS) - _ASKING
IN_INPUT = frozenset(_KINDS) - {"button", "overflow", "image"}
