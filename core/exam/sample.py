"""What people might be shown, at its worst."""

from __future__ import annotations

from core.messages import Button, Card, Reply, Table, Tone

CARD = Card("web-1 · working · Fix it", Tone.BUSY, buttons=(Button("Stop", "stop web-1"),))
HOSTILE = "\x1b]0;owned\x07\x1b[2J<!channel> @everyone \u202egnp.exe\u202c\r\n\x9b31mred \x00 `x` *y* [a](http://b)"
UNSEEN = frozenset("\x1b\x07\x9b\x00\r\u202e\u202c")
ODD = ("", "x" * 100_000, "\n" * 1_000, "👩‍👩‍👧‍👦" * 500)


def hostile_reply() -> Reply:
    """A reply of which every part would take the reader in."""
    return Reply(HOSTILE, cards=(Card(HOSTILE, buttons=(Button(HOSTILE, "x"),)),))


def odd_reply(text: str) -> Reply:
    """A reply with an odd text in it, and a table of it."""
    return Reply(text, table=Table(("a",), ((text,),)))
