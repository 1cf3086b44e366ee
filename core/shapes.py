"""What secrets look like: tokens known by their shape, and values known by the label in front of them.

Every pattern starts with a literal, because the regular expression engine skips to a literal about fifty times faster
than it tries a class of characters at each place.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

SLASH = r"(?:/|\\/|%2[Ff])"
SHORT = 2000  # characters; up to here, looking first for a run of them saves most of the time
_RUN = re.compile(r"\S{15}")  # no token is shorter
WORD = r"A-Za-z0-9_\-"


@dataclass(frozen=True, slots=True)
class Span:
    """A secret at `start` to `end`; `begin` is where what gives it away begins (a label, a scheme)."""

    begin: int
    start: int
    end: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """A token's pattern. The group `secret` is hidden, or all of it. `bounded`: no letter or digit stands before it.
    `accept` has the last word on a match and may move its start."""

    label: str
    pattern: re.Pattern[str]
    bounded: bool = False
    accept: Callable[[str, Span], Span | None] | None = None


def _widen(left: str, check: Callable[[str], bool] | None = None) -> Callable[[str, Span], Span | None]:
    """For tokens whose literal is in the middle: take in what stands directly before it."""
    pattern = re.compile(f"{left}$")

    def accept(text: str, span: Span) -> Span | None:
        found = pattern.search(text, max(0, span.begin - 80), span.begin)
        if found is None or not is_start(text, found.start()) or (check and not check(found.group())):
            return None
        return Span(found.start(), found.start(), span.end, span.label)

    return accept


def _is_snowflake(text: str) -> bool:
    """The first part of a Discord token is a number in base64."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).isdigit()
    except (binascii.Error, ValueError):
        return False


_PRIVATE = r"(?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
_PEM = (
    rf"-----BEGIN {_PRIVATE}(?=[\s\S]{{0,200}}?[A-Za-z0-9+/]{{24}})(?:[\s\S]{{0,16000}}?-----END {_PRIVATE}"
    r"|(?:\s|\\[nr]|[A-Za-z0-9+/=]{24,}+)*+(?:[A-Za-z0-9+/=]+\Z)?)"
)

_PEM_IN_URL = (
    r"-----BEGIN(?:%20|\+)(?:[A-Z0-9]+(?:%20|\+)){0,3}PRIVATE(?:%20|\+)KEY(?:(?:%20|\+)BLOCK)?-----"
    r"[A-Za-z0-9+/=%_.~-]{24,}"
)

_TABLE: tuple[tuple[str, str], ...] = (
    ("private key", _PEM),
    ("private key", _PEM_IN_URL),
    ("private key", r"AGE-SECRET-KEY-1[A-Z0-9]{58}"),
    ("github token", r"gh[oprsu]_[A-Za-z0-9]{36,255}"),
    ("github token", r"github_pat_[A-Za-z0-9_]{22,255}"),
    ("gitlab token", r"gl(?:pat|ptt|rt|dt|cbt|soat|ft|agent|oas|imt)-[\w.-]{20,300}"),
    ("slack token", r"xox[abceoprs]-[A-Za-z0-9-]{10,255}"),
    ("slack token", r"xoxe\.xox[bp]-[A-Za-z0-9-]{10,255}"),
    ("slack token", r"xapp-\d-[A-Za-z0-9-]{16,255}"),
    ("slack webhook", rf"hooks\.slack\.com{SLASH}\w+{SLASH}(?P<secret>(?:\w{{6,}}|{SLASH}){{3,9}})"),
    ("discord webhook", rf"webhooks{SLASH}\d{{15,22}}{SLASH}(?P<secret>[{WORD}]{{50,100}})"),
    ("aws key", r"AKIA[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("aws key", r"ASIA[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("anthropic key", rf"sk-ant-[{WORD}]{{20,255}}"),
    ("openrouter key", r"sk-or-v1-[0-9a-f]{64}"),
    ("openai key", rf"sk-(?:proj|svcacct|admin|None)-[{WORD}]{{20,255}}"),
    ("google key", rf"AIza[{WORD}]{{35}}"),
    ("google token", rf"ya29\.[{WORD}]{{20,500}}"),
    ("google key", rf"GOCSPX-[{WORD}]{{28}}"),
    ("stripe key", r"sk_(?:live|test)_[A-Za-z0-9]{16,255}"),
    ("stripe key", r"rk_(?:live|test)_[A-Za-z0-9]{16,255}"),
    ("webhook secret", r"whsec_[A-Za-z0-9+/=]{24,255}"),
    ("npm token", r"npm_[A-Za-z0-9]{36}"),
    ("pypi token", rf"pypi-[{WORD}]{{60,500}}"),
    ("jwt", rf"eyJ[{WORD}]{{8,4096}}+\.eyJ[{WORD}]{{8,16384}}+(?:\.[{WORD}]*)?"),
    ("sendgrid key", rf"SG\.[{WORD}]{{16,32}}\.[{WORD}]{{16,64}}"),
    ("hugging face token", r"hf_[A-Za-z0-9]{30,64}"),
    ("digitalocean token", r"do[oprt]_v1_[0-9a-f]{64}"),
    ("shopify token", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    ("linear key", r"lin_api_[A-Za-z0-9]{32,64}"),
    ("notion token", r"ntn_[A-Za-z0-9]{40,64}"),
    ("atlassian token", rf"ATATT3[{WORD}=]{{60,300}}"),
    ("doppler token", r"dp\.(?:pt|st|ct|sa)\.[\w.-]{40,100}"),
    ("vault token", rf"hvs\.[{WORD}]{{24,200}}"),
    ("grafana token", r"glsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}"),
    ("sentry token", r"sntry[su]_[A-Za-z0-9+/=_]{40,300}"),
    ("mailgun key", r"key-[0-9a-f]{32}(?![0-9a-f])"),
    ("postman key", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    ("docker token", rf"dckr_[po]at_[{WORD}]{{27,64}}"),
    ("rubygems key", r"rubygems_[0-9a-f]{48}"),
    ("new relic key", r"NRAK-[A-Z0-9]{27}"),
    ("square token", rf"sq0(?:atp|csp|idp)-[{WORD}]{{22,43}}"),
    ("figma token", rf"figd_[{WORD}]{{40,64}}"),
    ("airtable token", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    ("heroku key", rf"HRKU-[{WORD}]{{36,80}}"),
    ("planetscale token", r"pscale_(?:tkn|pw|oauth)_[\w.-]{32,64}"),
    ("supabase token", r"sbp_[0-9a-f]{40}"),
    ("groq key", r"gsk_[A-Za-z0-9]{40,64}"),
    ("azure signature", r"sig=(?P<secret>(?:[A-Za-z0-9+/=]|%[0-9A-Fa-f]{2}){43,80})"),
    ("", r"://[^\s:/@\"'<>]{0,128}:(?P<secret>[^\s/\"'<>]{1,256})@"),
    ("", r"%3[Aa]%2[Ff]%2[Ff](?:(?!%3[Aa])[\w.%~+-]){0,128}?%3[Aa](?P<secret>[\w.%~!*+-]{1,256}?)%40"),
)

_BOUNDED: tuple[tuple[str, str], ...] = (
    ("openai key", r"sk-[A-Za-z0-9]{32,128}(?![A-Za-z0-9])"),
    ("twilio key", r"SK[0-9a-f]{32}(?![A-Za-z0-9])"),
    ("databricks token", r"dapi[0-9a-f]{32}(?![A-Za-z0-9])(?:-\d)?"),
    ("replicate token", r"r8_[A-Za-z0-9]{37}(?![A-Za-z0-9])"),
)

# With what must stand directly before the literal.
_CENTRED: tuple[tuple[str, str, str, Callable[[str], bool] | None], ...] = (
    (
        "discord token",
        rf"\.(?<=[{WORD}]{{23}}\.)[{WORD}]{{6,7}}\.[{WORD}]{{27,45}}(?![A-Za-z0-9])",
        r"[MNO][A-Za-z0-9]{22,29}",
        _is_snowflake,
    ),
    ("telegram token", rf":(?<=\d{{8}}:)AA[{WORD}]{{33}}(?![A-Za-z0-9])", r"\d{8,10}", None),
    ("telegram token", rf"%3A(?<=\d{{8}}%3A)AA[{WORD}]{{33}}(?![A-Za-z0-9])", r"\d{8,10}", None),
    (
        "mailchimp key",
        r"-us(?<=[0-9a-f]{32}-us)\d{1,2}(?![A-Za-z0-9])",
        r"[0-9a-f]{32}",
        None,
    ),
    ("terraform token", rf"\.atlasv1\.[{WORD}]{{60,80}}", r"[A-Za-z0-9]{14}", None),
)


@lru_cache(maxsize=1)
def list_shapes() -> tuple[Shape, ...]:
    """Every shape; compiled when first needed, since that takes longer than a command line should."""
    plain = [Shape(label, re.compile(pattern)) for label, pattern in _TABLE]
    bounded = [Shape(label, re.compile(pattern), bounded=True) for label, pattern in _BOUNDED]
    centred = [
        Shape(label, re.compile(pattern), accept=_widen(left, check)) for label, pattern, left, check in _CENTRED
    ]
    return (*plain, *bounded, *centred)


# ------------------------------------------------------------------------------------------------------- labels

# The label's least length of a value. A password may be short; a token is not.
LABELS: dict[str, int] = {
    **dict.fromkeys(("passw", "passphrase", "pwd"), 8),
    **dict.fromkeys(("secret", "token", "api_key", "apikey", "api-key", "api key", "access_key", "accesskey"), 16),
    **dict.fromkeys(("access-key", "accountkey", "account_key", "private_key", "credential", "auth_key"), 16),
    **dict.fromkeys(("integration_key", "integration key", "routing_key", "routing key", "service_key"), 16),
    **dict.fromkeys(("authorization", "bearer"), 16),
}
_HARMLESS = re.compile(
    r"(?i)(?:name|id|type|path|url|uri|file|count|length|size|limit|arn|version|expir\w*|ttl|at|sha\d*|hash|digest"
    r"|sum|fingerprint|format|regex|pattern|policy|field|label|class|izer|ize|ized|s?_?used|env|var|ref)$"
)
_PLAIN = r"[^\s\"'`,;&<>(){}\[\]|\\%]"
_PERCENT = r"%(?!2[0267])"
_REST = re.compile(rf"(?:{_PLAIN}++|{_PERCENT})*")
_BLANK = r"(?:[ \t]{1,8}|%20|\+)"
_TAIL = re.compile(
    rf"(?P<suffix>[\w.-]{{0,24}})\\{{0,7}}(?:[\"']|%2[27])?\]?"
    rf"(?:{_BLANK}?(?::=|=>|[:=]|%3[DAda]){_BLANK}?|(?P<gap>{_BLANK}))"
    r"(?P<quote>\\{0,7}[\"'`]|%2[27])?"
    r"(?:(?i:bearer|basic|token|bot|apikey|digest|geniekey|splunk)(?:[ +]|%20)){0,2}"
    rf"(?P<secret>(?(quote)(?:(?!(?P=quote))[^\n]){{1,256}}|(?:{_PLAIN}{{1,64}}+|{_PERCENT}){{1,16}}))"
)
_WORDLIKE = re.compile(r"(?:[A-Za-z]*\d{0,5}[A-Za-z]*)(?:[/._:@+=~?#%*!-]+(?:[A-Za-z]*\d{0,5}[A-Za-z]*))*+$")
_LOWER = {code: code + 32 for code in range(65, 91)}


def find_shapes(text: str) -> Iterator[Span]:
    """Tokens known by their shape."""
    if len(text) < SHORT and "://" not in text and not _RUN.search(text):
        return
    for shape in list_shapes():
        for match in shape.pattern.finditer(text):
            if span := _read_shape(text, shape, match):
                yield span


def _read_shape(text: str, shape: Shape, match: re.Match[str]) -> Span | None:
    if shape.bounded and not is_start(text, match.start()):
        return None
    start, end = match.span("secret") if "secret" in shape.pattern.groupindex else match.span()
    span = Span(match.start(), start, end, shape.label)
    return shape.accept(text, span) if shape.accept else span


_ESCAPED = re.compile(r"(?:%[0-9A-Fa-f]{2}|\\[abfnrtv]|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2})$")


def is_start(text: str, at: int) -> bool:
    """Whether a word may start here: no letter or digit before, except as the end of an escape (`%3D`, `\\n`)."""
    if at == 0 or not (text[at - 1].isalnum() or text[at - 1] in "_-"):
        return True
    return _ESCAPED.search(text, max(0, at - 6), at) is not None


def find_labelled(text: str) -> Iterator[Span]:
    """Values that stand behind a label: `password=…`, `"api_key": "…"`, `Authorization: Bearer …`, `--token …`."""
    lower = text.lower()
    if len(lower) != len(text):
        lower = text.translate(_LOWER)
    for label, least in LABELS.items():
        at = lower.find(label)
        while at >= 0:
            span = _read_label(text, at, at + len(label), least)
            if span is not None:
                yield span
            at = lower.find(label, span.end if span else at + 1)


def is_label(key: str) -> bool:
    """Whether a key says that its value is a secret."""
    lower = key.lower()
    return any(label in lower for label in LABELS)


def _read_label(text: str, at: int, end: int, least: int) -> Span | None:
    """A short look first, so that a text full of labels does not take for ever; then all of the value."""
    match = _TAIL.match(text, end)
    if match is None or not is_secret(text, at, match, least):
        return None
    rest = _REST.match(text, match.end())
    return Span(at, match.start("secret"), rest.end() if rest else match.end())


def is_secret(text: str, at: int, match: re.Match[str], least: int) -> bool:
    """Whether a labelled value is a secret, and no type, name, path, expression or place-holder."""
    value = match["secret"]
    if match["gap"] and not is_flag(text, at):
        return False
    if _HARMLESS.search(match["suffix"]) or text[match.end() : match.end() + 1] in ("(", "["):
        return False
    if len(value) < least or not has_both(value):
        return False
    return bool(match["quote"] and least < 16) or not _WORDLIKE.match(value)


def has_both(value: str) -> bool:
    """Letters and digits: ordinary words have no digits, numbers no letters."""
    if value[0] in "<{$[*(" or "${" in value or "{{" in value:
        return False
    return any(map(str.isdigit, value)) and any(map(str.isalpha, value))


def is_flag(text: str, at: int) -> bool:
    """A gap alone is enough behind `--token` and `Bearer`."""
    if text[at : at + 6].lower() == "bearer":
        return True
    before = text[max(0, at - 24) : at]
    return "--" in before and " " not in before[before.rfind("--") :]
