"""What the scripted model does: the lines of the prompt are its orders, one step a line, one step an answer.

    write notes.md: Hello      writes the file with whatever tool the agent declared for it
    run git status --short     runs a command
    use ask_human {"…": "…"}   calls the declared tool whose name ends so
    say All done.              ends the turn with these words
    fail 429                   answers with this HTTP status, every time it is asked
    hang                       never answers

Other lines are ignored. When the orders run out, or there were none, the turn ends with "Done."
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

ORDER = re.compile(r"^\s*(write|run|use|say|fail|hang)\b[ \t]*(.*?)\s*$", re.MULTILINE)
ASIDE = re.compile(r"<(system-reminder|session_context|local-command-\w+|command-\w+)>.*?</\1>", re.DOTALL)

WRITERS = {"write_file": "file_path", "write": "filePath", "Write": "file_path"}
SHELLS = ("run_shell_command", "bash", "Bash")


@dataclass(frozen=True, slots=True)
class Turn:
    """One part of the conversation as the agent sent it: words, or what a tool gave back."""

    role: str
    text: str = ""
    result: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to the model, whatever the dialect. `folder` is where the agent says that it works, or ""."""

    dialect: str
    turns: Sequence[Turn]
    tools: Sequence[str]
    folder: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def prompt(self) -> str:
        """The last words of the person, without what agents wrap around them."""
        return self._find_prompt()[1]

    @property
    def results(self) -> Sequence[str]:
        """What tools gave back since the prompt."""
        start, _ = self._find_prompt()
        return [turn.result for turn in self.turns[start:] if turn.result is not None]

    def _find_prompt(self) -> tuple[int, str]:
        said = [(at, ASIDE.sub("", turn.text).strip()) for at, turn in enumerate(self.turns) if turn.role == "user"]
        return next(((at, text) for at, text in reversed(said) if text), (0, ""))


@dataclass(frozen=True, slots=True)
class Said:
    """The model speaks, and its turn is over. `id` is the server's, new for each answer."""

    text: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Called:
    """The model wants a tool called. Agents drop a second call with the same `id`."""

    tool: str
    arguments: Mapping[str, Any]
    id: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    status: int


@dataclass(frozen=True, slots=True)
class Hung:
    pass


Step = Said | Called | Failed | Hung


def decide_step(asked: Asked) -> Step:
    """The next step. A request that declares no tools is about the conversation (a title, a summary)."""
    if not asked.tools:
        return Said("A scripted title")
    orders = ORDER.findall(asked.prompt)
    done = len(asked.results)
    if done >= len(orders):
        return Said("Done.")
    verb, rest = orders[done]
    return make_step(asked, verb, rest)


def make_step(asked: Asked, verb: str, rest: str) -> Step:
    match verb:
        case "write":
            return write_file(asked, rest)
        case "run":
            return run_command(asked, rest)
        case "use":
            return use_tool(asked, rest)
        case "fail":
            return Failed(int(rest))
        case "hang":
            return Hung()
        case _:
            return Said(rest)


def write_file(asked: Asked, rest: str) -> Step:
    path, _, content = rest.partition(": ")
    tool = next((name for name in asked.tools if name in WRITERS), None)
    if tool is None:
        return Said(f"No tool writes files; declared: {', '.join(asked.tools)}")
    full = path if path.startswith("/") or not asked.folder else f"{asked.folder}/{path}"
    return Called(tool, {WRITERS[tool]: full, "content": content + "\n"})


def run_command(asked: Asked, command: str) -> Step:
    tool = next((name for name in asked.tools if name in SHELLS), None)
    if tool is None:
        return Said(f"No tool runs commands; declared: {', '.join(asked.tools)}")
    return Called(tool, {"command": command, "description": "Run what was asked"})


def use_tool(asked: Asked, rest: str) -> Step:
    ending, _, arguments = rest.partition(" ")
    tool = next((name for name in asked.tools if name.endswith(ending)), None)
    if tool is None:
        return Said(f"No tool ends with {ending}; declared: {', '.join(asked.tools)}")
    return Called(tool, json.loads(arguments or "{}"))
