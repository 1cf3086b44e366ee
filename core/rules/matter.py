"""What an ask is about: its commands, paths and hosts, as far as the agent tells. Pure."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.interfaces import Ask
from core.rules.host import find_hosts
from core.rules.part import HOLE, Part, Script, Word, gather_words, trim_lead
from core.rules.rule import PLAIN_WORD
from core.rules.scene import Scene
from core.rules.shell import read_argv, read_script
from core.rules.wrapper import is_wrapper, list_parts

# What agents tell beside a command and what changes nothing of what is run.
_HARMLESS_KEYS = gather_words(
    "command cmd args cwd workdir working_directory workingDirectory directory dir_path description "
    "timeout timeout_ms timeoutMs title justification reason call_id turn_id run_in_background "
    "is_background parsed_cmd"
)
# What is written or looked for, and names no file.
_CONTENT_KEYS = gather_words(
    "content contents new_string old_string new_str old_str file_text insert_text text new_text old_text newText "
    "oldText patch diff description prompt query pattern regex title"
)
_CUT = re.compile(r"… [\d,]+ (?:bytes more|more|files more)")
_DECORATION = re.compile(r"[^\s,;\"'\[\]{}()<>`]+")
_MOST_WORDS = 5_000


@dataclass(frozen=True, slots=True)
class Matter:
    """`parts`: every argv that is or may be run; `argv`: the one there is, when it is a simple command; `named`: the
    paths that the ask itself names; `paths`: those and all words of a command that may be paths; `texts`: where hosts
    may be; `doubt`: why nothing can be allowed, "" when something can."""

    tool: str
    has_command: bool
    parts: Sequence[Part]
    argv: Sequence[str]
    named: Sequence[str]
    paths: Sequence[str]
    texts: Sequence[str]
    doubt: str

    @property
    def hosts(self) -> list[str]:
        return [host for text in self.texts for host in find_hosts(text)]


def read_matter(ask: Ask) -> Matter:
    """Everything that rules may name, found in an ask."""
    command = ask.detail.get("command")
    script = read_command(command)
    parts = list_parts(script) if script else []
    named = list(_list_named(ask.detail))
    given = _read_input(ask.detail)
    words = [] if script is None else list(_list_words(script, parts))
    loose = [] if script else [text for text in _list_strings(given, _CONTENT_KEYS) if _is_pathlike(text)]
    return Matter(
        tool=ask.tool,
        has_command=script is not None,
        parts=parts,
        argv=_find_argv(script) if script else (),
        named=named,
        paths=[*named, *words, *loose][:_MOST_WORDS],
        texts=_list_texts(ask, command, given),
        doubt=_find_doubt(ask, script, given),
    )


def set_folder(ask: Ask, scene: Scene) -> Scene:
    """The scene in the folder that the ask names."""
    folder = str(ask.detail.get("folder") or "")
    return replace(scene, folder=scene.join(folder)) if folder else scene


def read_command(command: object) -> Script | None:
    """The command of an ask; None when there is none."""
    if isinstance(command, str) and command.strip():
        return read_script(command.strip(" \t"))
    if isinstance(command, (list, tuple)) and command:
        return read_argv([str(word) for word in command])
    return None


def describe_simple(script: Script) -> str:
    """Why a command is not a simple one; "" when it is."""
    if not script.plain or len(script.parts) != 1:
        return "it is more than one plain command"
    part = trim_lead(script.parts[0])
    if part.assigned or part.words != script.parts[0].words or not part.words:
        return "it sets variables or begins with a word of the shell"
    if is_wrapper(part):
        return f"{part.words[0].text} runs what it is given"
    odd = [word.text for word in part.words if not is_plain(word.text)]
    return f"“{odd[0].replace(HOLE, '…')[:40]}” holds marks that a shell may act on" if odd else ""


def is_plain(word: str) -> bool:
    """Whether a word means itself in every shell and looks like what it is."""
    return PLAIN_WORD.fullmatch(word) is not None and unicodedata.normalize("NFKC", word) == word


def _find_argv(script: Script) -> Sequence[str]:
    return () if describe_simple(script) else [word.text for word in script.parts[0].words]


def _find_doubt(ask: Ask, script: Script | None, given: Any) -> str:
    if script and ask.tool != "execute":
        return f"it is a command of the tool {ask.tool}"
    if script and (why := describe_simple(script)):
        return why
    if _CUT.search(json.dumps(dict(ask.detail), default=str, ensure_ascii=False)):
        return "not all of it is told"
    if script and not (isinstance(given, Mapping) and set(given) <= _HARMLESS_KEYS):
        return "the agent says more about it than rules know"
    if script and ask.detail.get("diff"):
        return "it changes files as well"
    return ""


def _read_input(detail: Mapping[str, Any]) -> Any:
    """What the agent gives the tool, as JSON; its text when it is none, an empty mapping when it gives nothing."""
    text = detail.get("input")
    if not text:
        return {}
    try:
        return json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return text


def _list_named(detail: Mapping[str, Any]) -> Iterator[str]:
    for path in detail.get("paths") or ():
        yield str(path)
    edits = detail.get("diff")
    for edit in edits if isinstance(edits, (list, tuple)) else ():
        if isinstance(edit, Mapping) and edit.get("path"):
            yield str(edit["path"])


def _list_words(script: Script, parts: Sequence[Part]) -> Iterator[str]:
    """Every word of a command that may be a path, with what hangs on options: `--file=x`, `-I/x`, `@x`, `a:b`."""
    seen = [_read_word(word) for part in parts for word in part.words]
    for word in dict.fromkeys([*seen, *map(_read_word, script.targets)]):
        yield from list_paths(word)


def _read_word(word: Word) -> str:
    """A wildcard may be anything where it leads out of the folder; what it names in there is what it says."""
    leads_out = word.text.startswith(("/", "~")) or ".." in word.text
    return word.shape if leads_out and word.shape else word.text


def list_paths(word: str) -> list[str]:
    """What of a word may be a path, in `-f.env` and `-rf.env` as well."""
    found = [] if word.startswith("-") else [word]
    pieces = re.split(r"[=:,@]", word)
    found += [piece for piece in pieces if piece and piece != word and not piece.startswith("-")]
    if word.startswith("-") and (inner := re.search(r"[/~].*|\.\.(?:/.*)?$", word)):
        found.append(inner[0])
    if glued := re.match(r"-[A-Za-z]([A-Za-z]?[^=]*[./].*)", word, re.DOTALL):
        found += [glued[1], glued[1][1:]]
    if re.search(r"[\s\"']", word):
        found += [piece for piece in _DECORATION.findall(word) if "/" in piece or piece.startswith(("~", "."))]
    return [piece.removeprefix("//") if piece.startswith("///") else piece for piece in dict.fromkeys(found)]


def _list_strings(value: Any, skipped: frozenset[str] = frozenset(), depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth < 20 and isinstance(value, Mapping):
        for key, item in value.items():
            if key not in skipped:
                yield from _list_strings(item, skipped, depth + 1)
    elif depth < 20 and isinstance(value, (list, tuple)):
        for item in value:
            yield from _list_strings(item, skipped, depth + 1)


def _is_pathlike(text: str) -> bool:
    return ("/" in text or text.startswith(("~", "."))) and "\n" not in text and "://" not in text


def _list_texts(ask: Ask, command: Any, given: Any) -> list[str]:
    said = [ask.title, str(ask.detail.get("text") or "")]
    words = [command] if isinstance(command, str) else list(command or ())
    return [text for text in (*words, *_list_strings(given), *said) if isinstance(text, str) and text]
