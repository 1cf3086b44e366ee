"""Any card and any reply, texts that would take the reader in among them; for renderers (hypothesis)."""

from __future__ import annotations

from hypothesis import strategies as st

from core.exam.sample import HOSTILE, ODD
from core.messages import Attachment, Button, Card, FormField, Reply, Table, Tone

CALLS = [
    "@everyone @here",
    "<@1000000000000000001> <@&1000000000000000001> <@U1>",
    "<!channel> <!here|x>",
    "[good](https://evil.example) <https://evil.example|good>",
    "# loud\n> quote\n- item\n```code```\n`x`",
    "&amp;" * 4_000,
    "שלום" * 900,
    "e\u0301" * 3_000,
    "👩‍👩‍👧‍👦" * 500,
    "*_~`|\\" * 700,
]
TEXT = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="&<>*_`~|@#[]()\\ \n", max_size=200),
    st.sampled_from([HOSTILE, *ODD, *CALLS]),
)
FIELDS = st.builds(
    FormField,
    st.integers(0, 10**6).map(lambda number: f"f{number}"),
    TEXT,
    TEXT,
    st.sampled_from(["yes", "choose", "tick", "number", "text"]),
    st.booleans(),
    st.lists(st.tuples(TEXT, TEXT), max_size=30),
    TEXT,
)
BUTTONS = st.builds(
    Button,
    TEXT,
    st.integers(0, 10**9).map(lambda number: f"b-{number}"),
    TEXT,
    st.booleans(),
    st.sampled_from(["", "Why?"]),
    st.sampled_from(["", "", "Choose"]),
)
CARDS = st.builds(
    Card,
    TEXT,
    st.sampled_from(Tone),
    st.lists(TEXT, max_size=25),
    st.lists(st.tuples(TEXT, TEXT), max_size=12),
    TEXT,
    st.lists(BUTTONS, max_size=30, unique_by=lambda button: button.command),
    TEXT,
)
TABLES = st.none() | st.lists(st.tuples(TEXT, TEXT), max_size=60).map(lambda rows: Table(("a", "b"), rows))
REPLIES = st.builds(
    Reply,
    TEXT,
    st.lists(CARDS, max_size=8),
    TABLES,
    st.lists(st.builds(Attachment, st.sampled_from(["a.txt", "../é ñ.diff"]), TEXT), max_size=5),
    hint=TEXT,
)
