"""Words to steps. Pure: the same words give the same script. A step is plain JSON: {"do": action, …}."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Step = dict[str, Any]

TESTS = ""  # which command that is, the folder says
# How Callboard's continuation prompt begins, and what it puts before the earlier messages for a rebuilt session.
CONTINUATION = "you were interrupted"
CONTEXT = "--- For context"

# A clause begins a line, follows a mark, or "then" and "and"; it ends at ; or a line's end, ". " or "then".
LEAD = r"\s*(?:(?:please|now|also|first|finally|next|then|and|just)\s+)*"
BEGIN = rf"(?:^|(?<=[.;:,!?\n])|(?<=\bthen)|(?<=\band)){LEAD}"
END = r"(?=\s*(?:;|\n|[.!](?:\s|$)|,?\s+(?:and\s+)?then\b|$))"
NUMBER = r"(\d+(?:\.\d+)?)"
FILE = r"`?([\w./~-]*[\w~-])`?"
TEXT = rf"(?:[“\"](.+?)[”\"]|(.+?){END})"
UNITS = {"s": 1, "m": 60, "h": 3600}


def _write(found: re.Match[str]) -> Step:
    return {"do": "write", "file": name_file(found[1])}


def _edit(found: re.Match[str]) -> Step:
    return {"do": "edit", "file": found[2], "ask": bool(found[1])}


def _run(found: re.Match[str]) -> Step:
    command = found[1] or found[2]
    return {"do": "run", "command": TESTS if command.lower() in {"the tests", "tests", "the test"} else command}


def _ask(found: re.Match[str]) -> Step:
    way, question, listed = found[1] or "", found[2].strip(), found[3]
    options = [option.strip() for option in re.split(r",|\bor\b", listed)] if listed else []
    return {"do": "ask", "way": way.split()[-1].lower() if way else "", "question": question, "options": options}


def _text(action: str) -> Callable[[re.Match[str]], Step]:
    return lambda found: {"do": action, "text": (found[1] or found[2] or "").strip()}


def _plain(action: str) -> Callable[[re.Match[str]], Step]:
    return lambda found: {"do": action}


def _take(found: re.Match[str]) -> Step:
    return {"do": "take", "seconds": float(found[1]) * UNITS[found[2][0].lower()]}


def _flood(found: re.Match[str]) -> Step:
    return {"do": "flood", "where": (found[1] or "output").strip().lower(), "bytes": int(float(found[2]) * 1_000_000)}


def _number(action: str) -> Callable[[re.Match[str]], Step]:
    return lambda found: {"do": action, "number": float(found[1])}


def _variant(action: str) -> Callable[[re.Match[str]], Step]:
    return lambda found: {"do": action, "how": (found[1] or "").strip().lower()}


# In order: at the same place, the first that fits wins.
PHRASES: Sequence[tuple[str, Callable[[re.Match[str]], Step]]] = (
    (rf"{BEGIN}say\s+{TEXT}", _text("say")),
    (rf"{BEGIN}report\s+{TEXT}", _text("report")),
    (
        rf"{BEGIN}ask(\s+by\s+tool|\s+by\s+form|\s+with\s+fields)?:?\s+([^?\n;]+\?)(?:,?\s*options?:?\s+(.+?){END})?",
        _ask,
    ),
    (rf"{BEGIN}fail\b(?:\s+with\s+{TEXT})?", _text("fail")),
    (r"\b(?:write|create|add)\s+(?:me\s+)?(?:an?\s+|the\s+)?`?([\w-]+\.[a-z]\w*)\b`?", _write),
    (r"\b(?:write|create|add)\s+(?:me\s+)?(?:an?|the)\s+([\w -]+?)\s+(?:guide|file|notes?|document|page)\b", _write),
    (r"\b(?:write|create|add)\s+(?:me\s+)?(?:an?|the)\s+(contributing|readme|changelog|license)\b", _write),
    (r"\b(?:fix|repair)\b[^.;\n]*?\btests?\b", _plain("fix")),
    (rf"{BEGIN}(carefully\s+)?edit\s+{FILE}", _edit),
    (r"\brun\s+out\s+of\s+(tokens|turns)\b", _variant("limit")),
    (r"\brun\s+`([^`\n]+)`()", _run),
    (rf"{BEGIN}run()\s+(.+?){END}", _run),
    (rf"\btake\s+{NUMBER}\s*(seconds?|minutes?|hours?|s|m|h)\b", _take),
    (rf"\bflood(\s+stderr|\s+line)?\s+{NUMBER}\s*MB\b", _flood),
    (rf"\buse\s+cost\s+\$?{NUMBER}", _number("cost")),
    (rf"\buse\s+tokens\s+{NUMBER}", _number("tokens")),
    (r"\bcost\s+unknown\b", _plain("unpriced")),
    (rf"\bupdates\s+{NUMBER}", _number("updates")),
    (r"\bspawn\s+(?:an?\s+)?(clinging\s+)?child\b", _variant("spawn")),
    (r"\bswitch\s+to\s+mode\s+(code|plan)\b", _variant("mode")),
    (r"\blist\s+(?:the\s+)?files\b", _plain("list")),
    (r"\brepeat\s+(?:the\s+)?instructions\b", _plain("repeat")),
    (rf"{BEGIN}crash(\s+once|\s+by\s+signal)?\b", _variant("crash")),
    (rf"{BEGIN}hang(\s+hard)?\b", _variant("hang")),
    (rf"{BEGIN}junk(\s+usage)?\b", _variant("junk")),
    (rf"{BEGIN}(refuse|stall|commit|secret|ansi|env|idle|commands)s?\b", lambda found: {"do": found[1].lower()}),
)
PATTERNS = [(re.compile(pattern, re.IGNORECASE), make) for pattern, make in PHRASES]
LEADING = re.compile(LEAD, re.IGNORECASE)
INSIST = re.compile(r"\binsist\b", re.IGNORECASE)

NAMES = {
    "contributing": "CONTRIBUTING.md",
    "readme": "README.md",
    "changelog": "CHANGELOG.md",
    "license": "LICENSE-NOTES.md",
    "security": "SECURITY.md",
    "code of conduct": "CODE_OF_CONDUCT.md",
}


def name_file(words: str) -> str:
    """`contributing` -> CONTRIBUTING.md, `release` -> RELEASE.md, `notes.txt` stays."""
    words = words.strip()
    if re.fullmatch(r"[\w-]+\.[\w-]+", words):
        return words
    slug = re.sub(r"[^A-Za-z0-9]+", "_", words).strip("_").upper()[:40]
    return NAMES.get(words.lower(), f"{slug or 'NOTES'}.md")


def is_continuation(text: str) -> bool:
    return text.lstrip().lower().startswith(CONTINUATION)


def has_context(text: str) -> bool:
    return CONTEXT in text


def read_task(text: str) -> str:
    """The words that count: without what a continuation puts before them and what is there for context alone."""
    words = text.partition(CONTEXT)[0].strip()
    return words.partition("\n\n")[2].strip() if is_continuation(words) else words


def find_steps(text: str) -> list[Step]:
    """The phrases of a text, in the order in which they occur, none inside another."""
    steps, position = [], 0
    while found := _find_next(text, position):
        match, make = found
        steps.append(make(match))
        position = max(match.end(), position + 1)
    return steps


def _find_next(text: str, position: int) -> tuple[re.Match[str], Callable[[re.Match[str]], Step]] | None:
    found = [(match, make) for pattern, make in PATTERNS if (match := pattern.search(text, position))]
    return min(found, key=lambda pair: _find_verb(pair[0]), default=None)


def _find_verb(match: re.Match[str]) -> int:
    lead = LEADING.match(match[0])
    return match.start() + (lead.end() if lead else 0)


def make_turn(text: str, first: bool) -> dict[str, Any]:
    """The script for a prompt. `first` says that nothing was done in this session before."""
    steps = find_steps(text)
    plan: list[str] = []
    if steps and all(step["do"] in {"write", "fix"} for step in steps):
        steps, plan = tell_story(steps), PLAN
    elif not steps and first:
        steps, plan = tell_story([{"do": "write", "file": "NOTES.md"}]), PLAN
    elif not steps:
        steps = [{"do": "note"}]
    turn = {"text": text, "steps": steps, "next": 0, "insist": bool(INSIST.search(text)), "plan": plan, "done": []}
    if steps[-1]["do"] != "finish":
        steps.append({"do": "finish"})
    return turn


PLAN = ["Look at the folder", "Do what the task says", "Run the tests"]


def tell_story(work: list[Step]) -> list[Step]:
    """What a newcomer sees: a plan, a thought, a look, the work, a command to approve, a last word."""
    return [
        {"do": "think", "entry": 0},
        {"do": "look", "entry": 0},
        *({**step, "entry": 1} for step in work),
        {"do": "run", "command": TESTS, "entry": 2},
        {"do": "finish"},
    ]
