"""Coming in to the console: what is kept of sessions, login links and asks for access, and what is made of secrets.
Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.errors import BadInput
from core.model import Role

LONGEST_NAME = 40
# Not what ids of people, tokens and asks look like.
_NAME = re.compile(r"(?![ptx]-)[^\W_][\w.+'-]*")
_FORM = b"callboard form"
_LIST = """
acorn amber anchor apple arrow aspen badger basil beacon birch bison blossom bottle breeze bridge brook button
cactus candle canyon carrot castle cedar cherry cliff clover cobalt comet copper coral cotton crane cricket
crystal daisy dolphin dragon ember falcon feather fern fiddle forest fossil fox garden garnet ginger glacier
granite hammer harbor hazel heron honey island ivory jacket jasmine juniper kettle ladder lagoon lantern lemon
lilac linen lotus magnet mango maple marble meadow mint mirror moss nectar needle nutmeg oak ocean olive onyx
orbit orchid otter owl paddle panda pebble pepper pine planet plum pocket pony poppy prairie quartz rabbit raven
ribbon river robin rocket saddle saffron salmon sandal sparrow spruce squid summit swan tango teapot thistle
tiger tulip turtle umber valley velvet violet walnut willow window winter yarrow zebra zephyr
"""
_WORDS = tuple(_LIST.split())


class AskState(StrEnum):
    """Of an ask; EXPIRED: nobody answered in time; JOINED: they turned out to be somebody who is known."""

    OPEN = "open"
    GRANTED = "granted"
    DECLINED = "declined"
    EXPIRED = "expired"
    JOINED = "joined"


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in, by the SHA-256 of its cookie. `cap` is the most it may be; it ends at `expires_at`,
    which moves as long as somebody comes, and at `ends_at` in any case."""

    digest: str
    person: str
    cap: Role
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    ends_at: datetime

    def holds(self, now: datetime) -> bool:
        """Whether it is valid still."""
        return now < min(self.expires_at, self.ends_at)


@dataclass(frozen=True, slots=True)
class LoginLink:
    """A link that signs a person in, once. `made_by` is a person's id."""

    digest: str
    person: str
    cap: Role
    made_by: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """Somebody of no role asks for access. `word` is what both sides see, so that an admin knows whom the card is
    about. `role` is the one that was granted, in all of the house or in one `project`."""

    id: str
    person: str
    name: str
    word: str
    created_at: datetime
    state: AskState = AskState.OPEN
    role: Role = Role.NOBODY
    answered_by: str = ""
    answered_at: datetime | None = None
    project: str = ""


class Purpose(StrEnum):
    """What a Code is for: to become admin where nobody is known yet, or to join an identity to a person."""

    CLAIM = "claim"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Code:
    """Something to be said once in a chat. Only a hash of it is kept. `person` made it, "" for the bot."""

    digest: str
    purpose: Purpose
    person: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    used_by: str = ""


@dataclass(frozen=True, slots=True)
class Tries:
    """How many wrong codes somebody (an identity or a person) said, from a time on."""

    who: str
    wrong: int
    since: datetime


def make_secret() -> str:
    """What is put into a cookie or a link: 256 bits, fit for an address."""
    return secrets.token_urlsafe(32)


def make_word() -> str:
    """Two words that can be read aloud."""
    return f"{secrets.choice(_WORDS)} {secrets.choice(_WORDS)}"


def derive_form_token(secret: str) -> str:
    """What the forms of a session carry: made of its secret, which cannot be made of it."""
    return hmac.new(secret.encode("utf-8", "surrogatepass"), _FORM, hashlib.sha256).hexdigest()


def check_form_token(secret: str, given: str) -> bool:
    """Whether a form is of this session; how long that takes tells nothing."""
    return hmac.compare_digest(derive_form_token(secret).encode(), given.encode("utf-8", "surrogatepass"))


def read_name(text: str) -> str:
    """The name that somebody gives: one word, spaces become dots. Raises BadInput."""
    name = ".".join(unicodedata.normalize("NFKC", text).split())
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise BadInput(
            "That cannot be used as a name.",
            remedy=f"Use letters, digits and . _ + ' -, at most {LONGEST_NAME} of them, like kim or kim.lee.",
        )
    return name
