"""What a line means that somebody says in a place: a command, words for the agent whose thread it is, or neither."""

from __future__ import annotations

import re

from bot.commands.parameters import CODE
from bot.commands.parser import Defaults, Invocation, parse_line
from bot.commands.registry import Registry, read_arguments
from core.errors import BadInput
from core.messages import Button, Card, Reply, Tone, Visibility

SLASH = "/agent"
_SLASH = re.compile(r"\s*/agent(?=\s|$)\s*", re.IGNORECASE)
_EXAMPLE = '/agent spawn sample "Write a CONTRIBUTING guide"'


def read_line(registry: Registry, line: str, defaults: Defaults) -> Invocation | Reply:
    """What is to be run; or what the one who said it is told instead. Raises UserError, as `parse_line` does."""
    begin = find_command_start(line)
    if begin is not None:
        return parse_line(registry, line[begin:] or "help", defaults)
    words = line.strip()
    if not words:
        raise BadInput("Nothing was said.", remedy=f"For example: {_EXAMPLE}")
    if named := _find_bare_verb(registry, words):
        raise BadInput(f"Commands begin with {SLASH}.", remedy=f"Say {SLASH} {named}")
    if not defaults.agent:
        return explain_place()
    return _offer_stop(defaults.agent, words) if _means_stop(registry, words) else _speak(registry, defaults, words)


def read_mention(registry: Registry, said: str, defaults: Defaults) -> Invocation | Reply:
    """What is to be run when the bot itself is spoken to: a command by its first word, else words for the agent whose
    thread it is, else the task of a new one. Raises UserError, as `parse_line` does."""
    begin = find_command_start(said)
    words = said[begin or 0 :].strip()
    first = words.partition(" ")[0].partition("\n")[0].strip(".,!:").casefold()
    if not words or begin is not None:
        return parse_line(registry, words or "help", defaults)
    if defaults.agent and _means_stop(registry, words):
        return parse_line(registry, f"stop {defaults.agent}", defaults)
    if registry.find(first) or first in registry.groups:
        return parse_line(registry, words, defaults)
    return _speak(registry, defaults, words) if defaults.agent else parse_line(registry, f"spawn {words}", defaults)


def veil_line(meaning: Invocation, line: str) -> str:
    """The line as others may read it: without a code that it says."""
    has_code = any(item.type is CODE and item.name in meaning.arguments for item in meaning.command.parameters)
    return f"{SLASH} {meaning.command.name} …" if has_code else line


def find_command_start(line: str) -> int | None:
    """Where the command of a line begins; None when it is none."""
    match = _SLASH.match(line)
    return match.end() if match else None


def explain_place() -> Reply:
    """What there is to say where no agent listens."""
    text = (
        f"Nobody listens to plain words here. Start an agent: {_EXAMPLE} · see what runs: {SLASH} list · all: {SLASH}"
    )
    return Reply(text=text, visibility=Visibility.ASKER)


def _find_bare_verb(registry: Registry, words: str) -> str:
    """`/list`: a command with half of what it begins with. A path is none."""
    match = re.match(r"/([A-Za-z-]+)(?=\s|$)(.*)", words, re.DOTALL)
    known = match and (registry.find(match[1]) or match[1].casefold() in registry.groups)
    return words[1:] if known else ""


def _means_stop(registry: Registry, words: str) -> bool:
    stop = registry.get("stop")
    return words.strip(" .!").casefold() in (stop.name, *stop.synonyms)


def _offer_stop(agent: str, words: str) -> Reply:
    buttons = (
        Button("Stop", f"stop {agent}", primary=True),
        Button("Send as text", f"send {agent} -- {words}"),
    )
    card = Card(f"Stop {agent}, or send it the word “{words}”?", Tone.ASKING, buttons=buttons)
    return Reply(text="Nothing was sent yet.", cards=(card,), visibility=Visibility.ASKER)


def _speak(registry: Registry, defaults: Defaults, words: str) -> Invocation:
    send = registry.get("send")
    return Invocation(send, read_arguments(send, {"agent": defaults.agent, "text": words}))
