"""Takes secrets out of text before it leaves: the configured ones in every usual writing, and what looks like one.

Pure. What is found is replaced by `[redacted]` or `[redacted: github token]`; doing it twice changes nothing more.
"""

from __future__ import annotations

import base64
import html
import json
import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import lru_cache
from itertools import chain
from typing import Any
from urllib.parse import quote, quote_plus

from core.shapes import Span, find_labelled, find_shapes, is_label

LEAST_LENGTH = 6  # shorter configured secrets would take ordinary words with them
HELD = 4096  # characters that a stream holds back at most
KEPT = 2048  # … and after it gave something out
DEEPEST = 100
PASSES = 8

_INVISIBLE = (
    r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f"
    r"\u00ad\u034f\u061c\u115f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
)
_CODE = r"(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n\\]*(?:\x07|\x1b\\|\\u0007|\\x07)?|[@-Z^_])?"
# One class of characters comes first, for the engine to skip to: three branches would take twenty times as long.
_NOISE = re.compile(
    rf"[\\{_INVISIBLE}](?:(?<=\x1b){_CODE}|(?<![\\\x1b])|(?<=\\)(?:(?:u001[bB]|x1[bB]|033){_CODE}"
    r"|u(?:00ad|200[b-fB-F]|202[a-eA-E]|206[0-9a-fA-F]|[fF][eE][fF][fF])))"
)
_PEM_REST = re.compile(r"(?:[A-Za-z0-9+/=\s]|\\[nr])*")
_TOKEN_REST = re.compile(r"[A-Za-z0-9+/=_.%~-]*")


class Redactor:
    """Redacts with the configured secrets. `ignored` counts those too short to look for."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        self._secrets: frozenset[str] = frozenset()
        self._forms: list[str] = []
        self.ignored = 0
        self.learn(secrets)

    def learn(self, secrets: Collection[str]) -> None:
        """Look for these too from now on. None is ever forgotten: old ones still stand in what was written before."""
        self._secrets |= frozenset(secrets)
        wanted = {secret for secret in self._secrets if is_wanted(secret)}
        self.ignored = len(self._secrets) - len(wanted)
        self._forms = sorted({form for secret in wanted for form in list_forms(secret)}, key=len)

    def redact(self, text: str) -> str:
        """The text without its secrets; the very same object when there is none."""
        for _ in range(PASSES):  # a neighbour can show only once a secret beside it is gone
            spans = self.find(text)
            if not spans:
                break
            text = replace_spans(text, spans)
        return text

    def redact_json(self, value: Any, depth: int = 0) -> Any:
        """A copy of plain JSON without secrets, in keys too. A value under a telling key (`password`) is one."""
        if depth > DEEPEST:
            return "[redacted: nested too deep]"
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, list | tuple):
            return [self.redact_json(item, depth + 1) for item in value]
        return self._redact_object(value, depth) if isinstance(value, dict) else value

    def _redact_object(self, value: dict[Any, Any], depth: int) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        for key, item in value.items():
            name = self.redact(key) if isinstance(key, str) else key
            while name in result:
                name = f"{name}'"
            labelled = isinstance(key, str) and isinstance(item, str) and is_label(key)
            result[name] = self._redact_labelled(key, item) if labelled else self.redact_json(item, depth + 1)
        return result

    def _redact_labelled(self, key: str, value: str) -> str:
        head = f'{key}="'
        both = self.redact(f'{head}{value}"') if len(value) <= 512 else ""
        plain = both[len(head) : -1] if both.startswith(head) and both.endswith('"') else value
        return self.redact(plain)

    def find(self, text: str) -> list[Span]:
        """The secrets in a text, in order, none overlapping another."""
        spans = list(self._search(text))
        if _NOISE.search(text):
            shadow = Shadow(text)
            spans += [shadow.locate(span) for span in self._search(shadow.text)]
        return merge_spans(spans, text)

    def _search(self, text: str) -> Iterator[Span]:
        return chain(self._find_forms(text), find_shapes(text), find_labelled(text))

    def _find_forms(self, text: str) -> Iterator[Span]:
        for form in self._forms:
            if len(form) > len(text):
                return
            at = text.find(form)
            while at >= 0:
                yield Span(at, at, at + len(form))
                at = text.find(form, at + len(form))


class StreamRedactor:
    """Redacts text that comes in pieces: holds back at most 4,096 characters, so that no secret is cut in two."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = ""
        self._rest: re.Pattern[str] | None = None

    def feed(self, text: str) -> str:
        """What can be shown by now."""
        self._held += self._swallow(text)
        if len(self._held) <= HELD:
            return ""
        cut = self._choose_cut()
        ready, self._held = self._held[:cut], self._held[cut:]
        return self._redactor.redact(ready)

    def flush(self) -> str:
        """All the rest. The next `feed` starts afresh."""
        ready, self._held, self._rest = self._held, "", None
        return self._redactor.redact(ready)

    def _swallow(self, text: str) -> str:
        """Drop the rest of a secret that was longer than what can be held back."""
        match = self._rest.match(text) if self._rest else None
        if match is None:
            return text
        if match.end() < len(text):
            self._rest = None
        return text[match.end() :]

    def _choose_cut(self) -> int:
        size = len(self._held)
        low, high = size - HELD, size - KEPT
        cut = max(self._held.rfind("\n", low, high), self._held.rfind(" ", low, high)) + 1 or high
        for span in reversed(self._redactor.find(self._held)):
            if not span.begin < cut < span.end:
                continue
            if size - span.begin > HELD:
                return self._leave_open(span)
            cut = span.begin
        return cut

    def _leave_open(self, span: Span) -> int:
        if span.end == len(self._held):
            self._rest = _PEM_REST if "PRIVATE KEY" in self._held[span.begin : span.begin + 80] else _TOKEN_REST
        return span.end


class Shadow:
    """A text without colour codes and invisible characters, and the way back."""

    def __init__(self, text: str) -> None:
        self._at: list[int] = []
        self._origin: list[int] = []
        pieces: list[str] = []
        size = last = 0
        for start, end in chain((match.span() for match in _NOISE.finditer(text)), [(len(text), len(text))]):
            if start > last:
                self._at.append(size)
                self._origin.append(last)
                pieces.append(text[last:start])
                size += start - last
            last = end
        self.text = "".join(pieces)

    def locate(self, span: Span) -> Span:
        """Where a span of the shadow is in the text."""
        return Span(self._find(span.begin), self._find(span.start), self._find(span.end - 1) + 1, span.label)

    def _find(self, position: int) -> int:
        index = bisect_right(self._at, position) - 1
        return self._origin[index] + position - self._at[index]


def redact(text: str, secrets: Collection[str] = ()) -> str:
    """The text without these secrets and without what looks like one."""
    return _find_redactor(frozenset(secrets)).redact(text)


@lru_cache(maxsize=8)
def _find_redactor(secrets: frozenset[str]) -> Redactor:
    return Redactor(secrets)


def merge_spans(spans: Iterable[Span], text: str) -> list[Span]:
    """Sorted, overlapping ones made one. What was redacted before is left as it is."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if "[redacted" in text[span.start : span.end]:
            continue
        if merged and span.start < merged[-1].end:
            last = merged[-1]
            label = last.label or span.label
            merged[-1] = Span(min(last.begin, span.begin), last.start, max(last.end, span.end), label)
        else:
            merged.append(span)
    return merged


def replace_spans(text: str, spans: Iterable[Span]) -> str:
    pieces: list[str] = []
    last = 0
    for span in spans:
        pieces += text[last : span.start], f"[redacted: {span.label}]" if span.label else "[redacted]"
        last = span.end
    return "".join([*pieces, text[last:]])


def is_wanted(secret: str) -> bool:
    return len(secret.strip()) >= LEAST_LENGTH and secret.strip() not in "[redacted: private key]"


def list_forms(secret: str) -> Iterator[str]:
    """Every usual writing: raw, base64 at any alignment, hex, and escaped for URL, JSON, HTML and Python."""
    for part in list_parts(secret):
        for escape in _ESCAPES:
            yield from list_pieces(escape(part))
        data = part.encode("utf-8", "surrogatepass")
        for form in (data.hex(), data.hex().upper(), *list_base64(data)):
            yield from list_pieces(form)


def list_parts(secret: str) -> Iterator[str]:
    """The secret, without blanks around it; and each long line of one that has lines."""
    yield secret.strip()
    if "\n" in secret.strip():
        yield from (line.strip() for line in secret.splitlines() if len(line.strip()) >= 20)


def list_pieces(form: str) -> Iterator[str]:
    """A form; in pieces as well when it is longer than what a stream holds back, which also finds it when cut."""
    yield form
    if len(form) > KEPT // 2:
        yield from (form[at : at + 512] for at in range(0, len(form) - 511, 512))


def list_base64(data: bytes) -> Iterator[str]:
    """With padding; and the characters that depend on `data` alone, wherever in a longer text it stands."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(data).decode()
        for shift, skipped in ((0, 0), (1, 2), (2, 3)):
            encoded = encode(b"\0" * shift + data).decode()
            yield encoded[skipped : (shift + len(data)) * 8 // 6]


def _lower_percent(text: str) -> str:
    return re.sub("%[0-9A-F]{2}", lambda match: match.group().lower(), text)


_ESCAPES: tuple[Callable[[str], str], ...] = (
    str,
    quote,
    lambda text: quote(text, safe=""),
    quote_plus,
    lambda text: _lower_percent(quote(text, safe="")),
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
    html.escape,
    lambda text: html.escape(text, quote=False),
    lambda text: repr(text)[1:-1],
)
