"""`--wait`: shows what an agent does until it ends, and asks at the terminal when the agent asks."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from bot.cli.ask import (
    ALWAYS,
    describe_request,
    is_permission,
    list_fields,
    make_hint,
    read_verdict,
)
from bot.cli.client import LOST, Client
from bot.cli.feed import Feed
from bot.cli.program import ExitCode, NotRunning, Problem, find_program, print_json
from bot.cli.screen import Keyboard, Screen, is_interactive
from bot.cli.summary import describe_end, describe_progress, suggest_answer
from bot.cli.tale import Tale
from core.errors import TemporaryFailure
from core.forms import YES, describe_field, read_field
from core.model import Status
from core.text import one_line

POLL_SECONDS = 1.0
FRAME_SECONDS = 0.12
HEARD_SECONDS = 0.5
# How long an agent rests, with its reason, before a message in its line is taken for one that nothing hands over.
RESTING_SECONDS = 5.0
ENDED = {
    Status.DONE: ExitCode.DONE,
    Status.READY: ExitCode.HUMAN_NEEDED,
    Status.FAILED: ExitCode.FAILED,
    Status.STOPPED: ExitCode.FAILED,
}
SETTLED = ("request.answered", "request.expired", "request.withdrawn")


class Dismissed(Exception):
    """The question was settled elsewhere while it stood on the screen."""


@dataclass(frozen=True, slots=True)
class WaitOptions:
    """How to wait. `approve`: answer permissions with "once" without asking; `after`: the last update known."""

    as_json: bool = False
    approve: bool = False
    after: int = 0


def watch_agent(client: Client, agent: str, options: WaitOptions) -> ExitCode:
    """Wait until the agent ends or needs a human that is not here. Raises Problem when the bot refuses."""
    stream = sys.stderr if options.as_json else sys.stdout
    with ExitStack() as stack:
        feed = Feed(client, agent=agent)
        stack.callback(feed.close)
        screen = Screen(stream, live=is_interactive(stream))
        stack.callback(screen.clear)
        return Watch(client, agent, options, feed, screen).run()


class Watch:
    """One wait for one agent."""

    def __init__(self, client: Client, agent: str, options: WaitOptions, feed: Feed, screen: Screen) -> None:
        self._client, self._agent, self._options = client, agent, options
        self._feed, self._screen = feed, screen
        self._keyboard = Keyboard()
        self._tale = Tale(screen, options.after)
        self._answered: set[str] = set()
        self._began = time.monotonic()
        self._status = ""
        self._rested = self._began
        self._lost = False

    def run(self) -> ExitCode:
        try:
            return self._follow()
        except KeyboardInterrupt:
            program = find_program()
            self._screen.say(
                f"\n{self._agent} goes on without you. Watch it again: {program} show {self._agent} --wait"
            )
            self._screen.say(f"Stop it: {program} stop {self._agent}")
            return ExitCode.INTERRUPTED

    def _follow(self) -> ExitCode:
        while True:
            record = self._read_record()
            if record is not None:
                self._show_status(record)
                status = record.get("status", "")
                if status in ENDED and not self._will_go_on(record):
                    return self._end(record, ENDED[Status(status)])
                if not self._serve_requests(record):
                    return self._end(record, ExitCode.HUMAN_NEEDED)
            self._rest(record)

    def _will_go_on(self, record: Mapping[str, Any]) -> bool:
        """Whether a message wakes it: not one that rests for a reason, such as a budget that is used up."""
        if not record.get("queued_messages") or record["status"] not in (Status.DONE, Status.READY):
            return False
        return not record.get("reason") or time.monotonic() - self._rested < RESTING_SECONDS

    def _read_record(self) -> dict[str, Any] | None:
        """The agent as it is now, with what it did told; None while the bot is away."""
        try:
            record = self._client.read_agent_once(self._agent)
            while page := self._client.read_updates_once(self._agent, self._tale.after).get("updates"):
                self._tale.tell(page)
        except (*LOST, NotRunning, TemporaryFailure):
            if not self._lost:
                self._screen.say("Lost the bot, waiting for it to come back …", "yellow")
            self._lost = True
            return None
        if self._lost:
            self._screen.say("The bot is back.", "green")
        self._lost = False
        return record

    def _show_status(self, record: Mapping[str, Any]) -> None:
        """A pipe gets a line for each change; a terminal has its status line."""
        status = str(record.get("status", ""))
        if status != self._status and not self._screen.live and status not in ENDED:
            self._screen.say(describe_progress(record, 0))
        if status != self._status:
            self._rested = time.monotonic()
        self._status = status

    def _rest(self, record: Mapping[str, Any] | None) -> None:
        end = time.monotonic() + POLL_SECONDS
        shown = record or {"id": self._agent, "status": "waiting for the bot"}
        while not self._feed.take() and (left := end - time.monotonic()) > 0:
            elapsed = time.monotonic() - self._began
            self._screen.draw(describe_progress(shown, elapsed, self._tale.activity))
            self._feed.wait(min(left, FRAME_SECONDS) if self._screen.live else left)
        if not self._feed.lost:
            self._tale.pause()

    def _end(self, record: Mapping[str, Any], code: ExitCode) -> ExitCode:
        self._tale.pause()
        if self._options.as_json:
            print_json(record)
            return code
        for line, style in describe_end(record, find_program()):
            self._screen.say(line, style)
        return code

    # ----------------------------------------------------------------------------------------------------- requests

    def _serve_requests(self, record: Mapping[str, Any]) -> bool:
        """Answer what is asked; False when that needs a human who is not here."""
        for request in record.get("requests") or ():
            if request["id"] in self._answered:
                continue
            self._hear_out(request)
            if self._options.approve and is_permission(request):
                self._screen.say(f"approved once: {one_line(str(request.get('title', '')))}")
                self._answer(request, {"verdict": "once"})
            elif not self._screen.live or not self._ask(request):
                self._show_request(request)
                self._screen.say(suggest_answer(record, request, find_program()))
                return False
        return True

    def _hear_out(self, request: Mapping[str, Any]) -> None:
        """What led to a question is stored a moment after it."""
        call = str((request.get("detail") or {}).get("call") or "")
        end = time.monotonic() + HEARD_SECONDS
        while call and not self._tale.knows(call) and time.monotonic() < end:
            time.sleep(FRAME_SECONDS / 2)
            self._read_record()

    def _show_request(self, request: Mapping[str, Any]) -> None:
        first, *others = describe_request(request)
        self._tale.pause()
        self._screen.say(f"{self._agent} {first}", "bold yellow")
        for line in others:
            self._screen.say(line)

    def _ask(self, request: Mapping[str, Any]) -> bool:
        """Ask the person at the terminal; False when nobody is there any more."""
        self._show_request(request)
        self._keyboard.forget()
        try:
            answer = self._ask_form(request) if list_fields(request) else self._ask_verdict(request)
        except Dismissed as news:
            self._screen.say(f"\n{news}", "yellow")
            self._answered.add(request["id"])
            self._keyboard.forget()
            return True
        except EOFError:
            return False
        self._answer(request, answer)
        return True

    def _ask_verdict(self, request: Mapping[str, Any]) -> dict[str, Any]:
        while (answer := read_verdict(request, self._read_line(request, make_hint(request)))) is None or (
            answer["verdict"] == ALWAYS and not self._confirm_rule(request, answer)
        ):
            if answer is None:
                self._screen.say("That is none of them.")
        if answer.get("text", "") is None:
            answer["text"] = self._read_line(request, "reason").strip()
        return answer

    def _confirm_rule(self, request: Mapping[str, Any], answer: dict[str, Any]) -> bool:
        """Show the rule that would be added; the answer is for this one. A bot that knows none is quoted."""
        try:
            shown = self._client.run_command("approve", {"request": request["id"], "always": True, "dry_run": True})
        except Problem as error:
            self._screen.say(one_line(str(error)), "yellow")
            return False
        self._screen.say(one_line(str(shown.get("text", ""))))
        answer["shown"] = str((shown.get("data") or {}).get("shown", ""))
        return self._read_line(request, "add it? [y]es, [n]o").strip().lower() in YES

    def _ask_form(self, request: Mapping[str, Any]) -> dict[str, Any]:
        required = (request.get("detail") or {}).get("required") or ()
        given = {}
        for name, field in list_fields(request).items():
            typed = self._read_field(request, describe_field(name, field, name in required), field, name in required)
            if typed is not None:
                given[name] = typed
        return {"verdict": "answered", "fields": given}

    def _read_field(self, request: Mapping[str, Any], hint: str, field: Mapping[str, Any], required: bool) -> Any:
        while True:
            typed = self._read_line(request, hint)
            if not typed.strip() and not required:
                return None
            try:
                if typed.strip():
                    return read_field(field, typed)
            except ValueError:
                self._screen.say("That does not fit.")

    def _read_line(self, request: Mapping[str, Any], hint: str) -> str:
        """A typed line. Raises Dismissed when somebody else was faster, EOFError when the terminal is gone."""
        self._screen.prompt(hint)
        while True:
            if self._feed.wait(POLL_SECONDS * 2, self._keyboard.descriptor):
                line = self._keyboard.read_line()
                if line is not None:
                    return line
            else:
                self._check_open(request)

    def _check_open(self, request: Mapping[str, Any]) -> None:
        for event in self._feed.take():
            data = event.get("data") or {}
            if event.get("kind") in SETTLED and data.get("request") == request["id"]:
                raise Dismissed(describe_settled(event))
        try:
            record = self._client.read_agent_once(self._agent)
        except (*LOST, NotRunning, TemporaryFailure):
            return
        if request["id"] not in [item["id"] for item in record.get("requests") or ()]:
            raise Dismissed(describe_settled(next(iter(self._find_settled(request)), {})))

    def _find_settled(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What the bot wrote down about the end of a request."""
        try:
            events = self._client.read_events(agent=self._agent, kind="request.answered", limit=50)
        except (Problem, TemporaryFailure, NotRunning):
            return []
        return [event for event in events if (event.get("data") or {}).get("request") == request["id"]]

    def _answer(self, request: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """Send it. A bot that refuses (somebody was faster) is quoted."""
        self._answered.add(request["id"])
        try:
            if answer.get("verdict") == ALWAYS:
                arguments = {"request": request["id"], "always": True, "shown": answer["shown"]}
                self._client.run_command("approve", arguments)
            else:
                self._say_missing(self._client.answer_request(request["id"], answer))
        except Problem as error:
            self._screen.say(one_line(str(error)), "yellow")

    def _say_missing(self, answered: Mapping[str, Any]) -> None:
        """Who else must approve, where one person is not enough."""
        reply = answered.get("reply") or {}
        if "approvals" in (reply.get("data") or {}):
            self._screen.say(one_line(str(reply.get("text", ""))))


def describe_settled(event: Mapping[str, Any]) -> str:
    """How a question ended without the person at this terminal."""
    data = event.get("data") or {}
    if event.get("kind") == "request.expired":
        return "Nobody answered in time; the agent was told so."
    if by := data.get("by") or event.get("actor"):
        return f"Answered by {one_line(str(by))}: {one_line(str(data.get('outcome', 'done')))}."
    return "No longer asked."
