"""An agent: it keeps notes of what it is told, asks first where it reads `ask`, and where it reads `wait` it waits."""

import json
import sys
from pathlib import Path


def say(word: str, text: str = "") -> None:
    sys.stdout.write(json.dumps([word, text]) + "\n")
    sys.stdout.flush()


def hear() -> list[str]:
    line: list[str] = json.loads(sys.stdin.readline() or '["bye", ""]')
    return line


def work(task: str) -> str:
    if "wait" in task.split():
        hear()
        return "cancelled"
    if "ask" in task.split():
        say("ask", f"note {task}")
        answer, _ = hear()
        if answer != "yes":
            return "cancelled" if answer == "stop" else "end_turn"
    with Path("notes.txt").open("a") as notes:
        notes.write(f"{task}\n")
    say("say", f"Noted: {task}\n")
    return "end_turn"


while (message := hear())[0] != "bye":
    if message[0] == "hello":
        say("hello", "lines 1.0")
    elif message[0] == "task":
        say("end", work(message[1]))
