"""What people say and are shown: values that every chat renders in its own way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from core.errors import BadInput


@dataclass(frozen=True, slots=True)
class Place:
    """Where people talk: an integration's name and an address that only it understands. `slack:C012/1699.1`."""

    chat: str
    address: str

    def __str__(self) -> str:
        return f"{self.chat}:{self.address}"

    @classmethod
    def parse(cls, text: str) -> Place:
        """Read `chat:address`. Raises BadInput when there is no colon or either side is empty."""
        chat, _, address = text.partition(":")
        if not chat or not address:
            raise BadInput(f"{text!r} is no place.", remedy="A place is written chat:address.")
        return cls(chat, address)


class Visibility(StrEnum):
    """Who sees a reply."""

    ASKER = "asker"
    EVERYONE = "everyone"


class Tone(StrEnum):
    """What a card feels like. Always said in words too: never by colour alone."""

    PLAIN = "plain"
    GOOD = "good"
    BUSY = "busy"
    ASKING = "asking"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class FormField:
    """One field of a form. `way` is how it is filled in: yes, choose, tick, number, text; `choices` are values and
    names, `source` is the field as the agent described it (core.forms)."""

    name: str
    title: str
    about: str = ""
    way: str = "text"
    required: bool = False
    choices: Sequence[tuple[str, str]] = ()
    default: str = ""
    least: str = ""
    most: str = ""
    step: str = "any"
    source: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Button:
    """A command that a person can run by one click. `command` is what they could have typed; `confirm` is shown, and
    agreed to, before; `prompt` asks for words that are put behind the command as one more argument, or, where there
    are `fields`, stands above them: then the words are what `core.forms.fill_fields` makes of them. Buttons of one
    `menu`, which is its name, are choices of it wherever there are menus."""

    label: str
    command: str
    confirm: str = ""
    primary: bool = False
    prompt: str = ""
    menu: str = ""
    fields: Sequence[FormField] = ()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file shown to people. `name` has no folder in it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Card:
    """A thing as people see it. Text is data: every renderer escapes it. `fields` are label and value pairs. `prose` is
    what an agent said, in Markdown; it may be `growing` still, and `readers` are identities of whom it is for first.
    `times` are moments, in seconds since 1970, by the words that stand for them in the lines. `parts`
    are cards below one heading, of what is a page by itself: a home tab (core.overview)."""

    title: str
    tone: Tone = Tone.PLAIN
    lines: Sequence[str] = ()
    fields: Sequence[tuple[str, str]] = ()
    code: str = ""
    buttons: Sequence[Button] = ()
    footer: str = ""
    prose: str = ""
    growing: bool = False
    readers: Sequence[str] = ()
    times: Sequence[tuple[str, int]] = ()
    parts: Sequence[Card] = ()

    def list_buttons(self) -> Sequence[Button]:
        """Its buttons, and those of all its parts."""
        return (*self.buttons, *(button for part in self.parts for button in part.list_buttons()))


ADVICE = "what to do"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under column titles. A column of the title ADVICE names commands in backticks, as a Reply's hint does."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a command. `data` is the same answer for programs (`--json`, HTTP). `secret` is for the one who
    waits for the answer, and for nobody else: it is never stored, sent or logged. `hint` says what to do next: what
    stands in backticks in it is a command, which each place shows as it is typed there (core.text)."""

    text: str = ""
    cards: Sequence[Card] = ()
    table: Table | None = None
    attachments: Sequence[Attachment] = ()
    visibility: Visibility = Visibility.EVERYONE
    data: Mapping[str, Any] = field(default_factory=dict)
    secret: str = field(default="", repr=False)
    hint: str = ""


class How(StrEnum):
    """What somebody did: said a line, gave a command, said something to the bot, used a button, or opened the page that
    a chat keeps for them alone."""

    LINE = "line"
    COMMAND = "command"
    MENTION = "mention"
    BUTTON = "button"
    OPENED = "opened"


@dataclass(frozen=True, slots=True)
class Given:
    """A file that came with what somebody said. `name` has no folder in it."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """Something a person did in a place, before anybody understood it. `key` is the platform's own id of it, the same
    when it comes again. `text` is a line, a command or what was said without the name of either, or the id of a button
    as it was drawn; `words` are what its prompt was answered with. `private` is where they alone are answered. `facts`
    are what the platform knows of them now: guest, foreign, bot, group:ID. `at` is when it was said, where the platform
    tells only afterwards; None: just now."""

    key: str
    place: Place
    private: Place
    identity: str
    name: str
    text: str
    how: How = How.LINE
    words: str = ""
    facts: Sequence[str] = ()
    files: Sequence[Given] = ()
    arguments: Mapping[str, Any] | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """A button that was drawn: what it does, and which card or delivery `holder` it belongs to. `subject` is what its
    card shows; "" for a reply, whose buttons are of use once. `prompted`: it asks for words."""

    id: str
    holder: str
    subject: str
    command: str
    prompted: bool
    made_at: datetime
    used_at: datetime | None = None


class EntryKind(StrEnum):
    """What an Entry is."""

    SAID = "said"
    REPLY = "reply"
    CARD = "card"


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands on a board: what a person said (`body` is its text), a reply or a card (`body` as in core/wire).
    `key` is unique in its place. `number` is its place in the order; `version` grows with every change of any entry.
    `person` and `name` are of who said it, "" for the bot."""

    id: str
    place: str
    key: str
    kind: EntryKind
    person: str
    name: str
    body: Mapping[str, Any]
    created_at: datetime
    changed_at: datetime
    number: int
    version: int
