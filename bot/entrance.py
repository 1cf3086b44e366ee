"""Who is let in at a start: the people of the settings, and the one at this machine."""

from __future__ import annotations

import getpass
import os
import socket
from datetime import timedelta
from pathlib import Path

from bot.admission import needs_claim
from core.claims import make_claim
from core.clock import Clock
from core.model import Role
from core.people import ensure_person, make_token, revoke_tokens, sync_people
from core.sessions import make_link
from core.settings import Settings
from core.store import Transaction


class Entrance:
    """`token` is that of the one at this machine, whose person is `local`: both are there once they were kept."""

    def __init__(self, home: Path, clock: Clock) -> None:
        self.home = home
        self.clock = clock
        self.token = self.local = ""
        self.issued: tuple[str, str] | None = None

    def keep(self) -> None:
        """What was issued is committed: from now on it is used."""
        self.token, self.local = self.issued or (self.token, self.local)

    async def admit(self, tx: Transaction, settings: Settings) -> None:
        """The people of the settings, and the one at this machine, who is admin; with a token for that one, which is
        used once this is committed, unless they have one."""
        self.issued = None
        now = self.clock.now()
        people = {name: (item.role, item.identities) for name, item in settings.people.items()}
        user = _find_user()
        await sync_people(tx, people, now)
        person = await ensure_person(tx, f"local:{user}", user, Role.ADMIN, now)
        if self.local == person.id:
            return
        label = f"run.json in {self.home} on {socket.gethostname()}"
        await revoke_tokens(tx, person.id, label)
        self.issued = await make_token(tx, person, Role.ADMIN, label, now), person.id

    async def make_claim(self, tx: Transaction, settings: Settings) -> str:
        """The code that makes somebody the first admin in the chats, "" where none is needed."""
        return await make_claim(tx, needs_claim(settings), self.clock.now())

    async def make_login(self, tx: Transaction, settings: Settings) -> str:
        """The secret of a link that signs the one at this machine in."""
        _, person = self.issued or ("", self.local)
        lasts = timedelta(minutes=settings.http.link_minutes)
        return await make_link(tx, person, Role.ADMIN, person, self.clock.now(), lasts)


def _find_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
