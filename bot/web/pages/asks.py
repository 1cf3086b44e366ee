"""What an agent asks, whole, and what a person says to it in a form. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.cli.ask import HIDDEN_KEYS, SHOWN_KEYS
from bot.web.pages.patches import File, read_edits
from core.cards import Sight
from core.detail import repeats, write_value
from core.errors import BadInput, Conflict
from core.forms import fill_fields, list_fields
from core.messages import FormField
from core.model import Request, RequestKind
from core.options import pick_option
from core.quorum import Tally
from core.requests import as_ask, fingerprint_ask
from core.rules import UNNAMED

BUTTONS = 5


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing that must be seen before an answer: words, or what would be changed."""

    name: str
    text: str = ""
    files: Sequence[File] = ()


@dataclass(frozen=True, slots=True)
class AskView:
    """An open request as it is shown. `print` is the hash of what is shown: an answer carries it. `rule` is what
    *Always in this project* would add, "" if no rule can say it, and `seal` stands for it in the command. `why` says
    why people are asked, if there is more to say than that no rule names it."""

    request: Request
    print: str
    details: Sequence[Detail]
    options: Sequence[tuple[int, str]]
    fields: Sequence[FormField]
    rule: str = ""
    seal: str = ""
    why: str = ""
    tally: Tally | None = None

    @property
    def is_permission(self) -> bool:
        return self.request.kind is RequestKind.PERMISSION


def view_asks(sight: Sight) -> list[AskView]:
    """The open requests of an agent, the oldest first."""
    return [_view_ask(request, sight.tallies.get(request.id)) for request in sight.requests]


def _view_ask(request: Request, tally: Tally | None) -> AskView:
    always = request.always if request.always and not tally else {}
    is_question = request.kind is RequestKind.QUESTION
    return AskView(
        request,
        print_request(request),
        list_details(request.detail),
        [(number, option.name) for number, option in enumerate(request.options, 1)] if is_question else (),
        list_form(request),
        str(always.get("text", "")),
        str(always.get("seal", "")),
        "" if request.why == UNNAMED else request.why,
        tally,
    )


def print_request(request: Request) -> str:
    """The hash of what people are shown."""
    return fingerprint_ask(as_ask(request))


def list_details(detail: Mapping[str, Any]) -> list[Detail]:
    """Everything that must be seen, in order, nothing cut and nothing twice."""
    known = [key for key in SHOWN_KEYS if detail.get(key) and not repeats(key, detail)]
    others = [key for key in detail if key not in SHOWN_KEYS + HIDDEN_KEYS and detail[key]]
    return [_make_detail(key, detail[key]) for key in (*known, *others)]


def _make_detail(key: str, value: Any) -> Detail:
    if key == "diff" and (files := read_edits(value)):
        return Detail(key, files=files)
    return Detail(key, write_value(value))


def list_form(request: Request) -> list[FormField]:
    """The form of a question; none when it has options."""
    return [] if request.options else list_fields(request.detail)


# ------------------------------------------------------------------------------------------------------------ answers


def check_print(request: Request, shown: str) -> None:
    """Raises Conflict when a request is not what was shown to the one who answers."""
    if shown != print_request(request):
        raise Conflict(
            f"What {request.agent} asks is not what you were shown, so nothing was answered.",
            remedy="Look at it again, and answer what stands there now.",
        )


def choose_option(request: Request, number: str) -> str:
    """What to type for the option with this number from 1. Raises BadInput."""
    if not (number.isascii() and number.isdigit() and 1 <= int(number[:6]) <= len(request.options)):
        raise BadInput("That is none of the options.", remedy="Choose one, or answer in your own words.")
    option = request.options[int(number[:6]) - 1]
    words = (option.id, option.name.strip(), str(int(number[:6])))
    found = next((word for word in words if word.strip() and pick_option(request.options, word) == option.id), "")
    if not found:
        raise BadInput("This option cannot be told from the others.", remedy="Answer in your own words.")
    return found


def fill_form(request: Request, given: Mapping[str, Sequence[str]]) -> str:
    """A form's fields as the words of an answer; `given` are the values of each field. Raises BadInput."""
    return fill_fields(list_form(request), given)
