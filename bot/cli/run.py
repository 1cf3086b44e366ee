"""Runs one command of the registry: through the API, then shows the reply, or waits for the agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.cli.client import LOST, Client, load_files
from bot.cli.program import (
    ExitCode,
    Problem,
    find_program,
    print_json,
    print_json_line,
    show_error,
    write_line,
)
from bot.commands.events import say_data
from bot.commands.leading import WORD, check_first
from bot.commands.parameters import FILES, SOURCE, bind_duration
from bot.commands.registry import Command, read_arguments
from core.errors import BadInput, CallboardError

WAITABLE = ("spawn", "send", "retry", "show")
FOLLOWED = "events"


@dataclass(frozen=True, slots=True)
class Call:
    """A command line that was read. `given` holds what was typed, by Python name."""

    command: Command
    given: Mapping[str, Any]
    as_json: bool = False
    wait: bool = False
    approve: bool = False
    follow: bool = False


def run_call(call: Call) -> ExitCode:
    """Run a command line and show the outcome, errors too."""
    return run_guarded(lambda: run_command(Client(), call), call.as_json)


def run_watch(agent: str, *, as_json: bool, approve: bool) -> ExitCode:
    """Wait for an agent from now on."""
    from bot.cli.watch import WaitOptions, watch_agent

    client = Client()
    return run_guarded(
        lambda: watch_agent(client, agent, WaitOptions(as_json, approve, client.find_last_update(agent))), as_json
    )


def run_guarded(act: Callable[[], ExitCode], as_json: bool) -> ExitCode:
    try:
        return act()
    except BadInput as error:
        show_error(error, as_json)
        return ExitCode.UNUSABLE
    except CallboardError as error:
        return show_error(error, as_json)
    except BrokenPipeError:
        raise
    except LOST as error:
        return show_error(Problem("The connection to the bot was lost.", remedy=str(error), code="lost"), as_json)


def run_command(client: Client, call: Call) -> ExitCode:
    arguments = collect_arguments(client, call)
    if call.follow:
        return follow_events(client, arguments, call.as_json)
    before = find_start(client, arguments) if call.wait else {}
    reply = client.run_command(call.command.name, arguments)
    if not call.wait:
        show_reply(reply, call.as_json)
        return ExitCode.FAILED if (reply.get("data") or {}).get("ok") is False else ExitCode.DONE
    return wait_for_agent(client, call, reply, before)


def collect_arguments(client: Client, call: Call) -> dict[str, Any]:
    """What was typed as the API takes it. Raises BadInput (usage) or Problem."""
    arguments = {name: value for name, value in call.given.items() if value not in (None, False, [], "")}
    for item in call.command.parameters:
        if item.type is SOURCE and item.name in arguments:
            arguments[item.name] = place_source(arguments[item.name])
        elif item.type is FILES and item.name in arguments:
            arguments[item.name] = load_files([Path(name) for name in arguments[item.name]])
        elif item.rest_of_line and item.name in arguments:
            arguments |= split_words(client, call.command, item.name, list(arguments[item.name]), arguments)
    return read_arguments(call.command, arguments)


def place_source(words: str) -> str:
    """A folder in full, as seen from here: the bot is somewhere else. Raises BadInput for what is neither."""
    from core.source import read_source

    source = read_source(words)
    return source.url or str(Path(source.path).expanduser().absolute())


def split_words(
    client: Client, command: Command, name: str, words: list[str], given: Mapping[str, Any]
) -> dict[str, Any]:
    """The words of a text, and the project in front of it where there is one that the bot knows."""
    leading = next((item for item in command.parameters if item.leading), None)
    found = {}
    if leading and leading.name not in given and WORD.fullmatch(words[0]):
        projects = list_projects(client)
        check_first(words[0], projects, before_quote=len(words) == 2 and " " in words[1])
        if words[0] in projects:
            found[leading.name] = words.pop(0)
    return {**found, name: " ".join(words)}


def list_projects(client: Client) -> list[str]:
    projects = client.call("GET", "/api/v1/projects").get("projects") or ()
    return [str(item.get("name")) if isinstance(item, Mapping) else str(item) for item in projects]


def show_reply(reply: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        secret = {"secret": reply["secret"]} if reply.get("secret") else {}
        print_json({**(reply.get("data") or {}), **secret})
        return
    from bot.cli.render import print_reply

    print_reply(reply, find_program())


# ------------------------------------------------------------------------------------------------------------ waiting


def find_start(client: Client, arguments: Mapping[str, Any]) -> dict[str, int]:
    """Where the named agent's transcript ends before the command, so that only news is told."""
    agent = arguments.get("agent")
    return {agent: client.find_last_update(agent)} if agent else {}


def wait_for_agent(client: Client, call: Call, reply: Mapping[str, Any], before: Mapping[str, int]) -> ExitCode:
    from bot.cli.watch import WaitOptions, watch_agent

    agent = find_agent(reply) or str(call.given.get("agent") or "")
    if not agent:
        raise Problem("The bot named no agent to wait for.", code="no_agent")
    if reply.get("text") and not call.as_json and call.command.acts:
        write_line(str(reply["text"]))
    return watch_agent(client, agent, WaitOptions(call.as_json, call.approve, before.get(agent, 0)))


def find_agent(reply: Mapping[str, Any]) -> str:
    """The agent that a reply is about: `data.agent` (its id or record) or `data.id`."""
    data = reply.get("data") or {}
    found = data.get("agent") or data.get("id") or ""
    return str(found.get("id") or "") if isinstance(found, Mapping) else str(found)


# ------------------------------------------------------------------------------------------------------------- events


def follow_events(client: Client, arguments: Mapping[str, Any], as_json: bool) -> ExitCode:
    """Events as they happen, after those since the time that was named, until interrupted. Raises Problem."""
    from bot.cli.feed import Feed

    filters = {name: value for name, value in arguments.items() if name in ("kind", "agent")}
    feed, lost = Feed(client, after=show_past(client, arguments, filters, as_json), **filters), False
    while feed.refusal is None:
        for event in feed.take():
            show_event(event, as_json)
        if feed.lost and not lost:
            write_line("Lost the bot, waiting for it to come back …", to_errors=True)
        lost = feed.lost
        feed.wait(5.0)
    raise feed.refusal


def show_past(client: Client, arguments: Mapping[str, Any], filters: Mapping[str, Any], as_json: bool) -> int:
    """What happened since the time that was named; returns the place in the sequence from where to follow."""
    newest = client.run_command(FOLLOWED, {"limit": 1}).get("data", {}).get("events") or ()
    end = int(newest[-1]["seq"]) if newest else 0
    if not arguments.get("since"):
        return end
    since, after = bind_duration(arguments["since"]).total_seconds(), 0
    while page := client.read_events(**filters, since=since, after=after, limit=1000):
        for event in page:
            show_event(event, as_json)
        after = int(page[-1]["seq"])
    return max(after, end)


def show_event(event: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json_line(event)
        return
    data = say_data(event.get("data") or {})
    parts = [event.get("at"), event.get("kind"), event.get("agent") or event.get("project"), event.get("actor"), data]
    write_line("  ".join(" ".join(str(part).split()) for part in parts if part))
