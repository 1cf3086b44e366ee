from __future__ import annotations

from bot.cli.ask import describe_request


def test_what_repeats_the_command_is_not_shown_twice() -> None:
    detail = {
        "command": "ls -l",
        "folder": "/w",
        "text": "$ ls -l\n(in /w)",
        "input": '{"command": "ls -l", "cwd": "/w"}',
    }
    request = {"kind": "permission", "title": "Run", "detail": detail}
    assert describe_request(request) == ["asks for permission: Run", "  command: ls -l", "  folder: /w"]
    for key, value in (
        ("input", '{"command": "ls -l", "env": "X=1"}'),
        ("text", "$ ls -l\nand then more"),
        ("input", "[1]"),
        ("input", '{"delete": "/w"}'),
    ):
        shown = describe_request({**request, "detail": {**detail, key: value}})
        assert any(line.startswith(f"  {key}:") for line in shown), (key, value)
