"""A small MCP server with one tool, handed to the agents in the tests. Standard library; started as a program."""

from __future__ import annotations

import json
import sys
from typing import Any

SCHEMA = {"type": "object", "properties": {"question": {"type": "string"}}, "required": ["question"]}
TOOL = {"name": "ask_human", "description": "Ask a person.", "inputSchema": SCHEMA}


def answer_call(message: dict[str, Any]) -> dict[str, Any]:
    match message["method"]:
        case "initialize":
            version = message["params"]["protocolVersion"]
            return {
                "protocolVersion": version,
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "board", "version": "1"},
            }
        case "tools/list":
            return {"tools": [TOOL]}
        case "tools/call":
            question = message["params"]["arguments"]["question"]
            return {"content": [{"type": "text", "text": f"{question} Blue."}]}
        case _:
            return {}


def main() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message:
            reply = {"jsonrpc": "2.0", "id": message["id"], "result": answer_call(message)}
            sys.stdout.write(json.dumps(reply) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
