"""What a person names as a project: a folder of this machine, or the address of a repository. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from core.errors import BadInput

LONGEST = 1_000
SCHEMES = ("https", "ssh", "file")
_HOST = r"(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])"
_USER = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
# git@host:path. A helper (`ext::…`) has two colons and no user.
_SHORT = re.compile(rf"{_USER}@{_HOST}:(?![:-])(?P<path>[^\s:][^\s]*)", re.ASCII)
_REMEDY = "Name a folder, https://HOST/PATH, ssh://HOST/PATH, git@HOST:PATH or file:///FOLDER."


@dataclass(frozen=True, slots=True)
class Source:
    """`url` is "" for a folder; `path` is the folder, or the path within the address."""

    url: str
    path: str

    @property
    def name(self) -> str:
        """What the project can be called: small letters, digits and dashes; "" when that leaves nothing."""
        last = self.path.rstrip("/").removesuffix("/.git").rpartition("/")[2].removesuffix(".git")
        plain = re.sub(r"[^a-z0-9]+", "-", last.lower()).strip("-")
        return re.sub(r"^[^a-z]+", "", plain)[:31].strip("-")


def read_source(text: str) -> Source:
    """Raises BadInput, which never repeats an address: it may hold a password."""
    text = text.strip()
    if not text or len(text) > LONGEST or not text.isprintable() or text.startswith("-"):
        raise BadInput("This is neither a folder nor an address.", remedy=_REMEDY)
    if short := _SHORT.fullmatch(text):
        return Source(text, short["path"])
    if "://" in text or re.match(r"[A-Za-z0-9+.-]+::", text):
        return _read_address(text)
    if re.match(r"[^/\s]*@[^/\s]*:", text):
        raise BadInput("This is no address of a repository.", remedy=_REMEDY)
    return Source("", text)


def _read_address(text: str) -> Source:
    scheme = text.partition(":")[0].lower()
    if scheme not in SCHEMES or "://" not in text:
        better = "https" if scheme == "http" else "https or ssh"
        raise BadInput(f"Repositories are not fetched by {scheme[:20]}.", remedy=f"Use {better}. {_REMEDY}")
    parts = _split(text)
    if parts is None or (scheme != "file" and not re.fullmatch(_HOST, _host_of(parts), re.ASCII)):
        raise BadInput("This is no address of a repository.", remedy=_REMEDY)
    if parts.password is not None or (scheme == "https" and parts.username is not None):
        remedy = "Sign git in for the user who runs the bot (a credential helper, or ssh), and name it without."
        raise BadInput("An address with a password or key is not taken: it would be kept in clear.", remedy=remedy)
    if parts.username is not None and not re.fullmatch(_USER, parts.username, re.ASCII):
        raise BadInput("This is no address of a repository.", remedy=_REMEDY)
    if scheme == "file" and (parts.netloc or not parts.path.startswith("/")):
        raise BadInput("A file address has three strokes.", remedy="Write file:///srv/git/web.git.")
    if not parts.path.strip("/") or parts.query or parts.fragment or " " in text:
        raise BadInput("This address names no repository.", remedy=_REMEDY)
    return Source(scheme + text[len(scheme) :], unquote(parts.path))


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _host_of(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return f"[{host}]" if ":" in host else host


def hide_credentials(text: str) -> str:
    """The text with whoever stands before an address's host taken out."""
    return re.sub(r"(?<=://)[^/@\s]*@", "", text)
