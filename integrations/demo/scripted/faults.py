"""The bad days: what goes wrong with real agents, on demand."""

from __future__ import annotations

import json
import os
import signal
import sys
import time

from .session import mark_once
from .turn import make_text, show_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .turn import Turn

    Step = dict[str, Any]

PIECE = 16_000
NOISE = "".join(f"{number:07d} the quick brown fox\n" for number in range(PIECE // 28 + 1))[:PIECE]

# Put together at run time, so that no scanner takes this file for a leak.
SECRETS = {
    "aws": "AKIA" + "IOSFODNN7EXAMPLE",
    "github": "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "slack": "xoxb-" + "123456789012-123456789012-AbCdEfGhIjKlMnOpQrStUvWx",
    "anthropic": "sk-ant-" + "api03-" + "Zz9" * 31 + "AA",
    "openai": "sk-" + "proj-" + "Yy8" * 16,
    "jwt": "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiJkZW1vIn0." + "c2lnbmF0dXJlLW9mLXRoZS1kZW1v",
    "url": "postgresql://demo:" + "hunter2-hunter2" + "@db.example.invalid/demo",
    "pem": "-----BEGIN " + "PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END " + "PRIVATE KEY-----",
}
ANSI = (
    "\x1b[31mred\x1b[0m \x1b[1;32mbold green\x1b[0m \x1b]0;title\x07\x1b]8;;https://example.invalid\x07link\x1b]8;;\x07"
    "\x1b[2J\x1b[H back\x08\x08\x08\x08 bell\x07 nul\x00 cr\rover \u202eright to left\u202c zero\u200bwidth "
    "@everyone <!channel> <@U123> [link](https://example.invalid) <b>bold</b> & `tick` \ufeff\U0001f600\n"
)


def show_secrets(turn: Turn, step: Step) -> None:
    """In messages, over the border of two messages, in a tool's output, on stderr."""
    for name, secret in SECRETS.items():
        turn.say(f"{name}: {secret}\n")
    half = len(SECRETS["github"]) // 2
    turn.say(f"split: {SECRETS['github'][:half]}")
    turn.say(f"{SECRETS['github'][half:]}\n")
    show_output(turn, "\n".join(SECRETS.values()))
    print(*SECRETS.values(), sep="\n", file=sys.stderr, flush=True)


def show_ansi(turn: Turn, step: Step) -> None:
    turn.say(ANSI)
    show_output(turn, ANSI)
    print(ANSI, file=sys.stderr, flush=True)


def show_output(turn: Turn, text: str) -> None:
    number = turn.open_tool({"title": "Show something", "kind": "other"})
    turn.close_tool(number, ok=True, content=[show_text(text)])


def show_environment(turn: Turn, step: Step) -> None:
    turn.say(f"Environment: {' '.join(sorted(os.environ))}\n")


def crash_process(turn: Turn, step: Step) -> None:
    """Exit code 3, or a signal, in the middle of the turn; `once` is once for these words in this folder."""
    if step["how"] == "once" and not mark_once(turn.session.folder, turn.state["text"]):
        turn.say("I crashed here before; this time I go on.\n")
        return
    turn.say("I am about to crash.\n")
    if step["how"] == "by signal":
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(3)


def hang_process(turn: Turn, step: Step) -> None:
    """Hears nothing more: no cancel, no end of input. `hang hard` shrugs off SIGTERM too."""
    turn.think("I will hang now.\n")
    signal.signal(signal.SIGTERM, signal.SIG_IGN if step["how"] == "hard" else signal.SIG_DFL)
    while True:
        time.sleep(3600)


def stall_turn(turn: Turn, step: Step) -> None:
    while True:
        turn.wire.wait(None)


def idle_turn(turn: Turn, step: Step) -> None:
    turn.say("Idle.\n", keep=False)
    stall_turn(turn, step)


def flood_client(turn: Turn, step: Step) -> None:
    {"stderr": flood_stderr, "line": flood_line, "output": flood_output}[step["where"]](turn, step["bytes"])
    turn.say(f"Flooded {step['where']} with {step['bytes']} bytes.\n")


def flood_output(turn: Turn, size: int) -> None:
    """Messages and the output of a tool, in turns. Nothing of it is replayed."""
    number = turn.open_tool({"title": "Flood", "kind": "other"})
    turn.start_tool(number)
    for at in range(0, size, 2 * PIECE):
        turn.wire.wait(0)
        turn.say(NOISE[: size - at], keep=False)
        content = [{"type": "content", "content": make_text(NOISE[: max(0, size - at - PIECE)])}]
        update = {"sessionUpdate": "tool_call_update", "toolCallId": number, "content": content}
        turn.tell(update, keep=False)
    turn.close_tool(number, ok=True, content=[show_text("Flooded.")])


def flood_stderr(turn: Turn, size: int) -> None:
    for at in range(0, size, PIECE):
        turn.wire.wait(0)
        sys.stderr.write(NOISE[: size - at])
    sys.stderr.flush()


def flood_line(turn: Turn, size: int) -> None:
    """One message in one line."""
    turn.say((NOISE * (size // PIECE + 1))[:size], keep=False)


def send_updates(turn: Turn, step: Step) -> None:
    """As fast as it can; made once, written in groups."""
    update = {"sessionUpdate": "agent_message_chunk", "content": make_text("A small update.\n")}
    params = {"sessionId": turn.session.id, "update": update}
    line = json.dumps({"jsonrpc": "2.0", "method": "session/update", "params": params}).encode() + b"\n"
    left = int(step["number"])
    while left > 0:
        turn.wire.wait(0)
        turn.wire.write(line * min(left, 64))
        left -= 64


def leave_child(turn: Turn, step: Step) -> None:
    """A child that is nobody's: forked twice, in its own session. `clinging` holds on to the agent's streams."""
    reader, writer = os.pipe()
    first = os.fork()
    if first == 0:
        os.setsid()
        second = os.fork()
        if second:
            os.write(writer, str(second).encode())
            os._exit(0)
        sleep_alone(clinging=step["how"] == "clinging")
    os.close(writer)
    os.waitpid(first, 0)
    number = os.read(reader, 32).decode()
    os.close(reader)
    turn.say(f"I left a child behind: process {number}.\n")


def sleep_alone(clinging: bool) -> None:
    if not clinging:
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nothing, stream)
    try:
        os.execvp("sleep", ["sleep", "3600"])  # noqa: S606
    finally:
        os._exit(127)


def send_junk(turn: Turn, step: Step) -> None:
    if step["how"] == "usage":
        turn.tell({"sessionUpdate": "usage_update", "used": None, "size": None}, keep=False)
    else:
        turn.wire.write(b'Warning: this line is no JSON\n{"half": \n\xff\xfe\n')
    turn.say("After the junk.\n")


ACTIONS = {
    "secret": show_secrets,
    "ansi": show_ansi,
    "env": show_environment,
    "crash": crash_process,
    "hang": hang_process,
    "stall": stall_turn,
    "idle": idle_turn,
    "flood": flood_client,
    "updates": send_updates,
    "spawn": leave_child,
    "junk": send_junk,
}
