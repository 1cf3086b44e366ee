"""Cards, drawn from state. Pure: every chat shows the same one in its own way."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.budgets import Budget, Measure, find_raise, say_amount
from core.detail import repeats
from core.forms import list_fields
from core.lifecycle import SETTING_UP, count_seconds
from core.messages import Button, Card, Tone
from core.model import Agent, Outcome, Request, RequestKind, Status
from core.options import name_option
from core.prompts import title_task
from core.quorum import Tally
from core.rules import UNNAMED

_LONGEST_LINE = 300
_MOST_LINES = 20
_LONGEST_FIELD = 200
_LONGEST_LABEL = 75
_MOST_ASKED = 3
_LONGEST_RULE = 200
_MOST_BUTTONS, _MOST_OPTIONS = 5, 100
MENU = "Choose an answer"
ALWAYS = "Always in this project"
LONGEST_CODE = 3_000
_UNSHOWN = ("call", "sha256", "fields", "required")

_TONES = {
    Status.NEEDS_YOU: Tone.ASKING,
    Status.STUCK: Tone.BAD,
    Status.FAILED: Tone.BAD,
    Status.WORKING: Tone.BUSY,
    Status.QUEUED: Tone.PLAIN,
    Status.READY: Tone.ASKING,
    Status.DONE: Tone.GOOD,
    Status.STOPPED: Tone.PLAIN,
}


@dataclass(frozen=True, slots=True)
class Sight:
    """An agent with all that its card shows. `queue` is its place in the queue from 1, 0 when it does not wait;
    `shelter` says whether it is in a sandbox, `files` names what was given with the task; `settled` are requests that
    somebody answered a while ago; `elsewhere` is the machine with its worktree, while it waits for the bot there."""

    agent: Agent
    status: Status
    owner: str
    requests: Sequence[Request] = ()
    settled: Sequence[Request] = ()
    queue: int = 0
    waiting_messages: int = 0
    scripted: bool = False
    shelter: str = ""
    files: Sequence[str] = ()
    elsewhere: str = ""
    budget: Budget | None = None
    tallies: Mapping[str, Tally] = field(default_factory=dict)


def draw_agent(sight: Sight, now: datetime) -> Card:
    """The one card of an agent, from its order to its summary."""
    agent = sight.agent
    return Card(
        title=f"{agent.id} · {sight.status.value} · {title_task(agent.task)}",
        tone=_TONES[sight.status],
        lines=_cut_lines([line for line in _say_lines(sight, now) if line.strip()]),
        fields=tuple(
            (label, _cut(value, _LONGEST_FIELD)) for label, value in _list_fields(sight, now) if value.strip()
        ),
        code=_show_code(sight),
        buttons=tuple(_offer_buttons(sight)),
        footer=" · ".join(part for part in ("scripted, no model" if sight.scripted else "", sight.shelter) if part),
        times=tuple(_list_times(sight.settled)),
    )


def _say_lines(sight: Sight, now: datetime) -> list[str]:
    agent = sight.agent
    asked = [line for request in sight.requests for line in _say_asked(sight, request)]
    queued = f"waits for a place, number {sight.queue} in the queue" if sight.queue else ""
    if sight.elsewhere:
        queued = f"waits for the bot on {sight.elsewhere}, where its worktree is"
    doing = say_doing(agent, now) if sight.status in (Status.WORKING, Status.STUCK) else ""
    messages = f"{sight.waiting_messages} message(s) wait for the turn's end" if sight.waiting_messages else ""
    commits = [f"{str(commit.get('id', ''))[:10]} {commit.get('title', '')}" for commit in agent.commits]
    accepted = f"accepted: {agent.accepted}" if agent.accepted else ""
    settled = [say_answered(request) for request in sight.settled]
    return [queued, say_reason(agent), doing, *asked, *settled, messages, *commits, accepted]


def say_answered(request: Request) -> str:
    """Who answered what, when, and how: what everybody sees who could have answered, too."""
    chosen = next((option.name for option in request.options if option.id == request.choice), "")
    said = _cut(request.text or chosen, 80) if request.kind is RequestKind.QUESTION else ""
    how = f"“{said}”" if said else request.verdict
    at = f", {_say_time(request.answered_at)}" if request.answered_at else ""
    return f"answered by {request.answered_by}{at}: {how} · {_cut(request.title, 160)} ({request.id})"


def _say_time(at: datetime) -> str:
    return f"{at:%H:%M} UTC"


def _list_times(settled: Sequence[Request]) -> list[tuple[str, int]]:
    """The moments that the lines name, for chats that show each reader their own clock."""
    answered = [request.answered_at for request in settled if request.answered_at]
    return list(dict.fromkeys((_say_time(at), int(at.timestamp())) for at in answered))


def say_reason(agent: Agent) -> str:
    """The first line of why it rests; "" when that says no more than its status."""
    reason = agent.reason.partition("\n")[0]
    return "" if reason == agent.outcome.value else reason


def say_doing(agent: Agent, now: datetime) -> str:
    """The last activity; of a set-up command also for how long it has run."""
    if not agent.last_activity.startswith(SETTING_UP) or agent.last_activity_at is None:
        return agent.last_activity
    return f"{agent.last_activity}, {say_seconds((now - agent.last_activity_at).total_seconds())}"


def _say_asked(sight: Sight, request: Request) -> list[str]:
    """What is asked, and why no rule answered it, if there is more to say than that none names it."""
    line = f"asks: {_cut(request.title, 200)} ({request.id}){_say_tally(sight, request)}"
    return [line, f"asked because {request.why}"] if request.why not in ("", UNNAMED) else [line]


def _say_tally(sight: Sight, request: Request) -> str:
    return f" · {sight.tallies[request.id]}" if request.id in sight.tallies else ""


def _cut_lines(lines: Sequence[str]) -> tuple[str, ...]:
    shown = [_cut(line, _LONGEST_LINE) for line in lines[:_MOST_LINES]]
    missing = len(lines) - len(shown)
    return (*shown, f"… {missing} more") if missing else tuple(shown)


def _cut(text: str, length: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"


def _show_code(sight: Sight) -> str:
    """What is asked for, whole or not at all; else what was done, or what a reason has beyond its first line."""
    if sight.requests:
        return "\n\n".join(detail for request in sight.requests[:_MOST_ASKED] if (detail := show_detail(request)))
    if sight.agent.outcome is Outcome.DONE:
        return _cut_code(sight.agent.diffstat)
    return _cut_code(sight.agent.reason.partition("\n")[2])


def _cut_code(text: str) -> str:
    if len(text) <= LONGEST_CODE:
        return text
    return f"{text[:LONGEST_CODE]}\n… ({len(text) - LONGEST_CODE:,} characters more)"


def show_detail(request: Request) -> str:
    """All that must be seen before the request is answered; "" when it is too long for a card."""
    parts = [
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in request.detail.items()
        if value and name not in _UNSHOWN and not repeats(name, request.detail)
    ]
    shown = "\n".join(parts)
    return shown if len(shown) <= LONGEST_CODE // _MOST_ASKED else ""


def _list_fields(sight: Sight, now: datetime) -> list[tuple[str, str]]:
    agent = sight.agent
    return [
        ("project", agent.project),
        ("branch", agent.branch),
        ("worktree", "taken from the warm pool" if agent.spare else ""),
        ("kind", " ".join(part for part in (agent.kind, agent.model, agent.mode) if part)),
        ("owner", sight.owner),
        ("files", ", ".join(sight.files)),
        ("elapsed", say_seconds(count_seconds(agent, now))),
        ("cost", say_cost(agent.cost) + _say_limit(sight)),
    ]


def _say_limit(sight: Sight) -> str:
    limit = sight.budget.money if sight.budget else None
    return "" if limit is None or sight.agent.cost is None else f" of {say_amount(Measure.MONEY, limit)}"


def _offer_buttons(sight: Sight) -> list[Button]:
    agent = sight.agent
    buttons: list[Button] = []
    for request in sight.requests[:_MOST_ASKED]:
        counted = request.id in sight.tallies
        # What takes more than one person is allowed once, never from then on.
        buttons += [button for button in offer_answers(request) if not counted or " --" not in button.command]
    if agent.outcome is Outcome.NONE:
        buttons.append(Button("Stop", f"stop {agent.id}", confirm=f"Stop {agent.id}? Its work is kept."))
    elif agent.accepted:
        buttons.append(Button("Remove", f"remove {agent.id}", confirm=f"Remove the worktree and branch of {agent.id}?"))
        buttons.append(Button("Retry", f"retry {agent.id}"))
    elif agent.outcome is Outcome.DONE and agent.commits:
        buttons.append(Button("Accept", f"accept {agent.id}", confirm="Merge or push this work?", primary=True))
    else:
        if command := find_raise(agent):
            buttons.append(Button("Raise", command, confirm=f"Raise its budget? {command}", primary=True))
        buttons.append(Button("Retry", f"retry {agent.id}"))
    return buttons


def offer_answers(request: Request) -> list[Button]:
    """What can be said to a request by one click. Nothing is allowed by one click that the card does not show."""
    if request.kind is RequestKind.QUESTION:
        return _offer_options(request)
    deny = (
        Button("Deny", f"deny {request.id}"),
        Button("Deny with reason…", f"deny {request.id}", prompt="Why? The agent hears it."),
    )
    if any(name not in _UNSHOWN for name in request.detail) and not show_detail(request):
        return [Button("Show", f"show {request.agent}"), *deny]
    return [
        Button("Once", f"approve {request.id}", primary=True),
        Button("For this agent", f"approve {request.id} --for-agent", confirm="Allow exactly this from now on?"),
        *_offer_always(request),
        *deny,
    ]


def _offer_options(request: Request) -> list[Button]:
    """A button each, a menu where they are many, and always words of one's own; or the form that is to be filled in."""
    answer, prompt = f"answer {request.id}", _cut(request.title, _LONGEST_LINE) or "The agent hears it."
    if not request.options and (fields := list_fields(request.detail)):
        return [Button("Answer…", answer, primary=True, prompt=prompt, fields=tuple(fields))]
    named = [(option.name, name_option(request.options, option)) for option in request.options[:_MOST_OPTIONS]]
    menu = MENU if len(named) > _MOST_BUTTONS else ""
    words = Button("Other…" if named else "Answer…", answer, prompt=prompt, primary=not named)
    chosen = [
        Button(_cut(label, _LONGEST_LABEL) or word, f"{answer} {word}", menu=menu) for label, word in named if word
    ]
    return [*chosen, words]


def _offer_always(request: Request) -> list[Button]:
    """The rule is shown whole before it is added: in the question, or by a look at it first where it is long."""
    if not request.always:
        return []
    text, command = str(request.always["text"]), f"approve {request.id} --always"
    if len(text) > _LONGEST_RULE:
        return [Button(ALWAYS, f"{command} --dry-run")]
    confirm = f"Add this rule to the project, for all its agents? {text}"
    return [Button(ALWAYS, f"{command} --shown {request.always['seal']}", confirm=confirm)]


def draw_always(request: Request, project: str, rule: str, seal: str) -> Card:
    """A rule before it is added, whole, with the button that adds it."""
    add = Button("Add this rule", f"approve {request.id} --always --shown {seal}", primary=True)
    return Card(f"{ALWAYS}: {project}", Tone.ASKING, code=rule, buttons=(add,))


def say_seconds(seconds: float) -> str:
    """A length of time in two words at most: `4 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    whole = int(seconds)
    for size, unit, small, small_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // small
            return f"{whole // size} {unit}" + (f" {rest} {small_unit}" if rest else "")
    return f"{whole} s"


def say_cost(cost: float | None) -> str:
    """US dollars; unknown is never 0."""
    return "unknown" if cost is None else f"${cost:,.2f}"


def write_tally(tally: Tally) -> dict[str, Any]:
    """How far approvals are, as plain JSON."""
    never = str(tally.shortage) if tally.shortage else ""
    found = {"by": list(tally.by), "needed": tally.needed, "missing": tally.missing, "text": str(tally)}
    return {**found, "never": never}


def write_request(request: Request) -> dict[str, Any]:
    """A request as plain JSON, with all that must be seen before an answer."""
    return {
        "id": request.id,
        "agent": request.agent,
        "kind": request.kind.value,
        "title": request.title,
        "tool": request.tool,
        "detail": dict(request.detail),
        "why": request.why,
        "rule": request.rule,
        "always": {"rule": request.always["text"], "shown": request.always["seal"]} if request.always else None,
        "options": [{"id": option.id, "name": option.name, "kind": option.kind} for option in request.options],
        "state": request.state.value,
        "opened_at": request.opened_at.isoformat(),
        "deadline": request.deadline.isoformat() if request.deadline else None,
        "verdict": request.verdict,
        "choice": request.choice,
        "text": request.text,
        "answered_by": request.answered_by,
    }
