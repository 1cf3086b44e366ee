"""What may stand next in a line that is being typed: commands, then names, choices and options of their parameters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bot.commands.parameters import AGENT, ASKER, FILES, FLEET, MAX_TEXT, Parameter
from bot.commands.parser import CLOSERS, DASHES, OPTION, SUBJECT, Defaults, Token, quote_word, scan_token, skip_spaces
from bot.commands.registry import Command, Registry
from core.errors import UserError

MOST = 25


@dataclass(frozen=True, slots=True)
class Name:
    """Something that can be named, and what it is."""

    value: str
    about: str = ""


Names = Mapping[str, Sequence[Name]]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`text` goes where the line has what was typed so far, from `start` to the cursor."""

    text: str
    label: str
    about: str
    start: int


@dataclass(slots=True)
class Walk:
    """How far a line was read. `word` is what is typed of the word at the cursor, which begins at `start`; None while
    there is more to read. `lost`: it makes no sense any more."""

    head: str
    position: int
    defaults: Defaults
    command: Command
    left: list[Parameter] = field(default_factory=list)
    given: set[str] = field(default_factory=set)
    pending: Parameter | None = None
    text: Parameter | None = None
    text_start: int = 0
    verbatim: bool = False
    lost: bool = False
    start: int = 0
    word: str | None = None

    def read(self) -> None:
        """Read up to the word at the cursor."""
        while self.word is None and not self.lost:
            begin, token = scan_word(self.head, self.position)
            if token is None or is_open(self.head, begin, token):
                self.end_at(begin)
            else:
                self.position = token.end
                self.take(begin, token)

    def end_at(self, begin: int) -> None:
        """The cursor is in the word that begins here."""
        match = OPTION.match(self.head, begin) if self.may_be_option else None
        if match and match["equals"] and (item := self.find_option(match)):
            self.pending, begin = item, match.end()
        self.start, self.word = begin, read_word(self.head, begin)

    @property
    def may_be_option(self) -> bool:
        return not (self.verbatim or self.pending or self.text)

    def take(self, begin: int, token: Token) -> None:
        """One whole word."""
        match = None if token.quoted or not self.may_be_option else OPTION.match(token.value)
        if self.pending:
            self.give(self.pending)
        elif not token.quoted and self.may_be_option and token.value in DASHES:
            self.verbatim = True
        elif match and (item := self.find_option(match)):
            self.take_option(begin, token, match, item)
        elif match and match["dash"] == "--":
            self.lost = True
        elif self.text is None:
            self.take_word(begin, token)

    def take_option(self, begin: int, token: Token, match: re.Match[str], item: Parameter) -> None:
        if not match["equals"]:
            self.pending = None if item.is_flag else item
            self.given.add(item.name)
            return
        value_begin = begin + match.end()
        value = scan_token(self.head, value_begin) if value_begin < token.end else None
        if value is None:
            self.lost = True
        elif is_open(self.head, value_begin, value):
            self.end_at(begin)
        else:
            self.give(item)
            self.position = value.end

    def take_word(self, begin: int, token: Token) -> None:
        while self.left:
            item = self.left.pop(0)
            if item.name in self.given or self.is_passed(item, token):
                continue
            self.give(item)
            self.text, self.text_start = (item, begin) if item.rest_of_line else (None, 0)
            return
        self.lost = True

    def is_passed(self, item: Parameter, token: Token) -> bool:
        """Whether the place says this one, and the word belongs to the next."""
        if item.leading:
            return self.verbatim or token.value not in self.defaults.projects
        return may_be_left_out(item, self.defaults) and not SUBJECT.fullmatch(token.value)

    def give(self, item: Parameter) -> None:
        self.given.add(item.name)
        self.pending = None

    def find_option(self, match: re.Match[str]) -> Parameter | None:
        item = self.command.find_parameter(re.sub("[–—]", "-", match["name"]))
        return item if item and (item.leading or not item.positional) else None

    def list_next(self) -> Iterator[Parameter]:
        """Positional parameters of which the word at the cursor may be one."""
        for item in self.left:
            if item.name in self.given or (item.leading and self.verbatim):
                continue
            yield item
            if not (item.leading or may_be_left_out(item, self.defaults)):
                return


def complete_line(
    registry: Registry, line: str, cursor: int, names: Names, defaults: Defaults | None = None
) -> list[Suggestion]:
    """What can be put at the cursor, the likeliest first, at most 25. `names` are what there is now by the source of a
    parameter's type. What is suggested for a parameter is taken by the parser. Never raises."""
    head = line[: max(0, min(cursor, MAX_TEXT))]
    begin, first = scan_word(head, 0)
    if first is None or is_open(head, begin, first):
        return suggest_verbs(registry, read_word(head, begin), begin)
    second_begin, second = scan_word(head, first.end)
    if first.value.casefold() in registry.groups and (second is None or is_open(head, second_begin, second)):
        group = registry.groups[first.value.casefold()]
        return suggest_rest(group, read_word(head, second_begin), second_begin)
    both = registry.find(f"{first.value} {second.value}") if second else None
    command = both or registry.find(first.value)
    if command is None:
        return []
    position = second.end if both and second else first.end
    walk = Walk(head, position, defaults or Defaults(), command, list(command.positionals))
    walk.read()
    is_end = not line[len(head) :].strip()
    return [] if walk.lost else list(unite(suggest_next(registry, walk, names, is_end)))[:MOST]


def suggest_verbs(registry: Registry, word: str, start: int) -> list[Suggestion]:
    """Commands and groups by what they are called, then by their synonyms."""
    wanted = word.casefold()
    named, also = [], []
    for verb in registry.verbs:
        group = registry.groups.get(verb)
        about = ", ".join(item.name.partition(" ")[2] for item in group) if group else registry.get(verb).about
        if verb.startswith(wanted):
            named.append(Suggestion(verb, f"{verb} …" if group else verb, about, start))
    for item in registry:
        known = [name for name in item.synonyms if wanted and name.startswith(wanted)]
        if known and not item.name.startswith(wanted):
            also.append(Suggestion(item.name, f"{item.name} ({known[0]})", item.about, start))
    return [*named, *also][:MOST]


def suggest_rest(group: Sequence[Command], word: str, start: int) -> list[Suggestion]:
    """The second words of a group."""
    wanted = word.casefold()
    rest = [(item.name.partition(" ")[2], item) for item in group]
    return [Suggestion(name, item.name, item.about, start) for name, item in rest if name.startswith(wanted)]


def suggest_next(registry: Registry, walk: Walk, names: Names, is_end: bool) -> Iterator[Suggestion]:
    """What may stand at the cursor of a command's arguments."""
    word = walk.word or ""
    if walk.pending:
        yield from suggest_values(registry, walk.pending, word, walk.start, walk, names)
        return
    if walk.text:
        whole = walk.head[walk.text_start :]
        yield from suggest_values(registry, walk.text, whole, walk.text_start, walk, names)
    for item in walk.list_next():
        yield from suggest_values(registry, item, word, walk.start, walk, names)
    if (is_end if walk.text else not walk.verbatim) and (not word or word[0] in "-–—"):
        yield from suggest_options(walk, word)


def suggest_values(
    registry: Registry, item: Parameter, word: str, start: int, walk: Walk, names: Names
) -> Iterator[Suggestion]:
    """Choices, or what there is of the kind, as far as the parameter takes it: first what begins so."""
    known = [Name(choice) for choice in item.choices] or list(names.get(item.type.source, ()))
    if item.type.source == "commands":
        known = [Name(command.name, command.about) for command in registry]
    for name in sort_names(known, word):
        if is_taken(item, name.value, walk.defaults):
            text = name.value if item.rest_of_line else quote_word(name.value)
            yield Suggestion(text, name.value, name.about, start)


def sort_names(known: Iterable[Name], word: str) -> list[Name]:
    """Names that fit what was typed: that begin so, then that have it in them, then that are about it."""
    wanted = word.casefold()
    ranked: tuple[list[Name], list[Name], list[Name]] = ([], [], [])
    for name in known:
        value = name.value.casefold()
        if value.startswith(wanted):
            ranked[0].append(name)
        elif wanted in value:
            ranked[1].append(name)
        elif len(wanted) > 1 and wanted in name.about.casefold():
            ranked[2].append(name)
    return [name for names in ranked for name in names]


def is_taken(item: Parameter, value: str, defaults: Defaults) -> bool:
    """Whether the parser takes it for this parameter."""
    if item.leading and value not in defaults.projects:
        return False
    if may_be_left_out(item, defaults) and not SUBJECT.fullmatch(value):
        return False
    try:
        return bool(item.read(value) == value)
    except UserError:
        return False


def suggest_options(walk: Walk, word: str) -> Iterator[Suggestion]:
    """Options that are not there yet."""
    wanted = re.sub("^(--?|—|–)", "", word).casefold()
    for item in walk.command.options:
        name = item.option[2:]
        if item.name not in walk.given and item.type is not FILES and name.startswith(wanted):
            yield Suggestion(item.option, item.usage.strip("[]"), item.help, walk.start)


def unite(found: Iterable[Suggestion]) -> Iterator[Suggestion]:
    """Each text once."""
    seen: set[str] = set()
    for one in found:
        if one.text not in seen:
            seen.add(one.text)
            yield one


def may_be_left_out(item: Parameter, defaults: Defaults) -> bool:
    """Whether an agent's thread says it."""
    return bool(defaults.agent) and item.positional and item.type in (AGENT, FLEET, ASKER)


def scan_word(head: str, position: int) -> tuple[int, Token | None]:
    """The next word, and where it begins."""
    return skip_spaces(head, position), scan_token(head, position)


def is_open(head: str, begin: int, token: Token) -> bool:
    """Whether the cursor is in this word: nothing follows, or its quotes are not closed yet."""
    return token.end == len(head) or (head[begin] in CLOSERS and not token.quoted)


def read_word(head: str, begin: int) -> str:
    """What is typed of the word at the cursor, without an opening quote."""
    word = head[begin:]
    return word[1:].rstrip(word[0]) if word[:1] in CLOSERS else word
