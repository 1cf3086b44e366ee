"""The ordinary steps: what an agent does on a good day. Each takes the turn and its step; a text returned is the stop
reason and ends the turn."""

from __future__ import annotations

import os

from . import files
from .turn import cut_text, hear_reason, make_text, show_diff, show_text
from .wire import RpcError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .tools import ToolServer
    from .turn import Turn

    Step = dict[str, Any]

FIELDS = {
    "count": {"type": "integer", "title": "How many", "minimum": 0, "maximum": 100, "default": 1},
    "sure": {"type": "boolean", "title": "Are you sure", "default": False},
}


def say_text(turn: Turn, step: Step) -> None:
    turn.say(f"{step['text']}\n")


def think_aloud(turn: Turn, step: Step) -> None:
    turn.say("I am the demo agent: scripted, no model. My words decide nothing, yours do.\n")
    turn.think(f"The task says: {turn.state['text'][:500]}")


def look_around(turn: Turn, step: Step) -> None:
    folder = turn.session.folder
    call = {"title": "Read the folder", "kind": "read", "rawInput": {"path": folder}, "locations": [{"path": folder}]}
    number = turn.open_tool(call)
    names = files.list_folder(folder)
    turn.close_tool(number, ok=True, content=[show_text("\n".join(names) or "(empty)")])


def write_file(turn: Turn, step: Step) -> None:
    path = turn.find_path(step["file"])
    old = turn.read_file(path) if path else ""
    new = files.compose_text(step["file"], turn.state["text"], turn.session.folder)
    change_file(turn, step["file"], files.join_texts(old, new), ask=False)


def edit_file(turn: Turn, step: Step) -> None:
    path = turn.find_path(step["file"])
    old = turn.read_file(path) if path else ""
    line = files.comment_line(step["file"], "Edited by the demo agent (scripted, no model).")
    change_file(turn, step["file"], files.join_texts(old, line), ask=step["ask"])


def note_message(turn: Turn, step: Step) -> None:
    path = turn.find_path("NOTES.md")
    old = turn.read_file(path) if path else ""
    line = " ".join(turn.state["text"].split())[:500]
    change_file(turn, "NOTES.md", files.join_texts(old, f"- {line}\n"), ask=False)


def fix_test(turn: Turn, step: Step) -> None:
    found = files.find_bug(turn.session.folder)
    if found:
        name, new = found
        change_file(turn, name, new, ask=False)
    else:
        turn.say("I know no bug that is left here.\n")


def change_file(turn: Turn, name: str, new: str, ask: bool) -> None:
    """Write a file of the folder, with the diff shown. The same change twice is no change."""
    path = turn.find_path(name)
    if path is None:
        turn.say(f"I will not touch {name}: it is outside of my folder.\n")
        return
    old = turn.read_file(path)
    call: Step = {
        "title": f"Edit {name}",
        "kind": "edit",
        "rawInput": {"path": path, "cwd": turn.session.folder},
        "content": [show_diff(path, old, new)],
        "locations": [{"path": path}],
    }
    number = turn.open_tool(call)
    if ask and not turn.may(number, call):
        turn.close_tool(number, ok=False, content=[show_text("Not allowed.")])
        turn.say(f"I will not edit {name}.\n")
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(new)
    turn.close_tool(number, ok=True, content=call["content"])
    turn.note_done(f"I wrote {name}")


def run_command(turn: Turn, step: Step) -> None:
    folder = turn.session.folder
    command = step["command"] or files.name_tests(folder)
    call = {
        "title": f"Run `{command}`",
        "kind": "execute",
        "rawInput": {"command": command, "cwd": folder},
        "content": [show_text(f"$ {command}\n(in {folder})")],
    }
    number = turn.open_tool(call)
    if not turn.may(number, call):
        turn.close_tool(number, ok=False, content=[show_text("Not allowed.")])
        turn.say(f"I will not run `{command}`.\n")
        turn.note_done(f"I did not run `{command}`")
        return
    turn.start_tool(number)
    code, output = execute(turn, command)
    turn.close_tool(number, ok=code == 0, content=[show_text(f"{cut_text(output)}\nexit code {code}")])
    turn.note_done(f"I ran `{command}`: exit code {code}")


def execute(turn: Turn, command: str) -> tuple[int, str]:
    from . import command as commands  # subprocess is slow to import

    try:
        words = commands.split_command(command)
    except ValueError as error:
        return -1, f"It cannot be started: {error}."
    return commands.run_command(turn.wire, words, turn.session.folder, {"PYTHONDONTWRITEBYTECODE": "1"})


def ask_question(turn: Turn, step: Step) -> None:
    answer = None if step["way"] == "tool" else ask_form(turn, step)
    if answer is None and step["way"] != "form":
        answer = ask_tool(turn, step)
    turn.say(f"{answer}\n" if answer else "I cannot ask: this client offers neither a form nor the tool ask_human.\n")


def ask_form(turn: Turn, step: Step) -> str | None:
    """By elicitation; None when the client does not offer it."""
    if "form" not in (turn.client.get("elicitation") or {}):
        return None
    params = {"sessionId": turn.session.id, "mode": "form", "message": step["question"]}
    found = turn.wire.ask("elicitation/create", {**params, "requestedSchema": make_form(step)})
    result = found.get("result")
    if not isinstance(result, dict):
        return None
    if result.get("action") != "accept":
        heard = hear_reason(result) or f"You answered {result.get('action')}."
        return f"“{step['question']}”: {heard} So I go on without."
    content = result.get("content") or {}
    said = content.get("answer", "") if set(content) <= {"answer"} else content
    return note_answer(turn, step, f"{said}")


def make_form(step: Step) -> dict[str, Any]:
    answer: dict[str, Any] = {"type": "string", "title": step["question"]}
    if step["options"]:
        answer["oneOf"] = [{"const": option, "title": option} for option in step["options"]]
    fields = FIELDS if step["way"] == "fields" else {}
    return {"type": "object", "properties": {"answer": answer, **fields}, "required": ["answer"]}


def ask_tool(turn: Turn, step: Step) -> str | None:
    """By the tool of the house; None when no server has it."""
    arguments = {"question": step["question"], **({"options": step["options"]} if step["options"] else {})}
    said = call_tool(turn, "ask_human", arguments)
    return None if said is None else note_answer(turn, step, said)


def note_answer(turn: Turn, step: Step, said: str) -> str:
    turn.note_done(f"I asked “{step['question']}” and heard “{said}”")
    return f"Your answer to “{step['question']}”: {said}"


def report_text(turn: Turn, step: Step) -> None:
    said = call_tool(turn, "report", {"text": step["text"]})
    turn.say(
        "I cannot report: no tool server has the tool report.\n" if said is None else f"Reported: {step['text']}\n"
    )


def call_tool(turn: Turn, tool: str, arguments: dict[str, Any]) -> str | None:
    """The tool's text; None when no server of the session has it. A failure is told in the transcript and returned."""
    from .tools import ToolFailure  # subprocess is slow to import

    try:
        server = find_server(turn, tool)
    except ToolFailure as failure:
        turn.say(f"{failure}\n")
        return None
    if server is None:
        return None
    number = turn.open_tool({"title": tool, "kind": "other", "rawInput": arguments})
    try:
        said, ok = server.call(tool, fit_arguments(server.tools[tool], arguments)), True
    except ToolFailure as failure:
        said, ok = f"{failure}", False
    turn.close_tool(number, ok, content=[{"type": "content", "content": make_text(said)}])
    return said


def find_server(turn: Turn, tool: str) -> ToolServer | None:
    from .tools import ToolServer  # subprocess is slow to import

    for given in turn.session.tools:
        if "command" in given and given["name"] not in turn.servers:
            turn.servers[given["name"]] = ToolServer(turn.wire, given)
    return next((server for server in turn.servers.values() if tool in server.tools), None)


def fit_arguments(tool: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """A single text goes by whatever name the tool gives its one required field."""
    required = (tool.get("inputSchema") or {}).get("required") or []
    if list(arguments) == ["text"] and len(required) == 1:
        return {required[0]: arguments["text"]}
    return arguments


def commit_work(turn: Turn, step: Step) -> None:
    identity = "-c user.name='Demo agent' -c user.email=demo@callboard.invalid"
    code, output = execute(turn, "git add -A")
    if code == 0:
        code, output = execute(turn, f"git {identity} commit -q -m 'demo: Do as the words say.'")
    turn.say("Committed.\n" if code == 0 else f"Nothing was committed: {output.strip()}\n")


def switch_mode(turn: Turn, step: Step) -> None:
    turn.session.mode = step["how"]
    turn.tell({"sessionUpdate": "current_mode_update", "currentModeId": step["how"]})


def spend_cost(turn: Turn, step: Step) -> None:
    turn.session.cost += step["number"]
    cost = {"amount": round(turn.session.cost, 6), "currency": "USD"}
    turn.tell({"sessionUpdate": "usage_update", "used": turn.session.tokens, "size": 200_000, "cost": cost})


def spend_tokens(turn: Turn, step: Step) -> None:
    turn.session.tokens += int(step["number"])
    turn.tell({"sessionUpdate": "usage_update", "used": turn.session.tokens, "size": 200_000})


def hide_cost(turn: Turn, step: Step) -> None:
    turn.tell({"sessionUpdate": "usage_update", "used": turn.session.tokens, "size": 200_000, "cost": None})


def take_long(turn: Turn, step: Step) -> None:
    seconds = step["seconds"]
    turn.think(f"This takes {seconds:g} s.\n", keep=False)
    for second in range(int(seconds)):
        turn.wire.rest(1)
        turn.think(f"Still at it: {second + 1} of {seconds:g} s\n", keep=False)
    turn.wire.rest(seconds % 1)
    turn.note_done(f"I took {seconds:g} s")


def refuse_work(turn: Turn, step: Step) -> str:
    turn.say("I will not do this.\n")
    return "refusal"


def reach_limit(turn: Turn, step: Step) -> str:
    return "max_tokens" if step["how"] == "tokens" else "max_turn_requests"


def fail_turn(turn: Turn, step: Step) -> None:
    raise RpcError(-32603, step["text"] or "The script says: fail.")


def list_commands(turn: Turn, step: Step) -> None:
    commands = [{"name": "run", "description": "Run a command", "input": {"hint": "command"}}]
    turn.tell({"sessionUpdate": "available_commands_update", "availableCommands": commands})


def list_files(turn: Turn, step: Step) -> None:
    files = turn.state["given"]["files"]
    turn.say("\n".join(["I was given:", *files, ""]) if files else "I was given no files.\n")


def repeat_instructions(turn: Turn, step: Step) -> None:
    instructions = turn.state["given"]["instructions"]
    turn.say(f"I was told first: {instructions}\n" if instructions else "I was told nothing first.\n")


def finish_turn(turn: Turn, step: Step) -> None:
    if turn.state["plan"]:
        turn.show_plan(len(turn.state["plan"]))
    done = "; ".join(turn.state["done"])
    turn.say(f"Done (scripted, no model). {done}{'.' if done else ''}\n")


ACTIONS = {
    "say": say_text,
    "think": think_aloud,
    "look": look_around,
    "write": write_file,
    "edit": edit_file,
    "note": note_message,
    "fix": fix_test,
    "run": run_command,
    "ask": ask_question,
    "report": report_text,
    "commit": commit_work,
    "mode": switch_mode,
    "cost": spend_cost,
    "tokens": spend_tokens,
    "unpriced": hide_cost,
    "take": take_long,
    "refuse": refuse_work,
    "limit": reach_limit,
    "fail": fail_turn,
    "commands": list_commands,
    "list": list_files,
    "repeat": repeat_instructions,
    "finish": finish_turn,
}
