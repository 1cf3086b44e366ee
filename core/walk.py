"""What the set-up of every chat does in the same way: it proves secrets, keeps them, and asks until something fits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from core.errand import Errand
from core.errors import BadInput, Conflict, PermanentFailure, TemporaryFailure
from core.messages import Tone
from core.settings.environment import read_dotenv

TRIES = 5
T = TypeVar("T")


class Walk:
    """One run of a set-up, from one proven step to the next. Nothing is written before it is proven."""

    def __init__(self, errand: Errand, known: Mapping[str, str]) -> None:
        self.errand = errand
        self.say, self.office = errand.terminal.say, errand.office
        self.is_live = errand.terminal.is_live
        self.known = known

    def demand_secrets(self, names: Sequence[str], remedy: str) -> None:
        """Raises BadInput when somebody must be asked for one of these and nobody is there."""
        missing = [name for name in names if not self.known[name]]
        if missing and not self.is_live:
            raise BadInput(f"There is no terminal to ask at for {' and '.join(missing)}.", remedy=remedy)

    def prove(self, name: str, question: str, prove: Callable[[str], T]) -> tuple[str, T]:
        """A secret that the platform takes, and what it says of it: the one that is known, else what is typed."""
        token = self.known[name]
        for _ in range(TRIES):
            token = token or self.errand.terminal.ask(question, hidden=True)
            try:
                return token, prove(token)
            except (BadInput, PermanentFailure) as failure:
                if not self.is_live:
                    raise type(failure)(f"{name}: {failure.message}", remedy=failure.remedy) from failure
                self.say(f"{name}: {failure}", Tone.BAD)
            token = ""
        raise PermanentFailure(f"{name} was refused {TRIES} times.", remedy="Nothing was written.")

    def keep(self, values: Mapping[str, str]) -> None:
        """Write secrets where the bot reads them, those that are new."""
        fresh = {name: value for name, value in values.items() if value != self.office.read_secret(name)}
        if fresh:
            self.say(f"{' and '.join(fresh)}: written to {self.office.keep_secrets(fresh)}.", Tone.GOOD)
        else:
            self.say("The bot has these already: nothing was written.", Tone.GOOD)

    def list_named(self, home: str) -> list[str]:
        """People of the settings with an identity that begins so."""
        people = self.errand.people.items()
        return [name for name, ids in people if any(one.strip().startswith(home) for one in ids)]

    def write_admin(self, name: str, identity: str) -> None:
        """Name the admin; whoever is named already is told what to write by hand."""
        try:
            file = self.office.add_person(name, "admin", identity)
        except Conflict as conflict:
            self.say(str(conflict), Tone.ASKING)
            return
        self.say(
            f"{name} ({identity.partition(':')[2].rpartition('/')[2]}) is the admin: written to {file}.", Tone.GOOD
        )

    def try_all(self, given: str, question: str, take: Callable[[str], T]) -> T | None:
        """What `take` makes of the words that were given, else of those that are typed; None for no words."""
        last = ""
        for _ in range(TRIES):
            typed = given or (self.errand.terminal.ask(question) if self.is_live else "") or last
            if typed in ("", "-"):
                return None
            try:
                return take(typed)
            except (BadInput, PermanentFailure) as failure:
                if not self.is_live:
                    raise
                self.say(str(failure), Tone.BAD)
            last, given = typed, ""
            question = f"Enter tries {last} again, - leaves it out, or another"
        return None

    def look_again(self, words: str, look: Callable[[], T | None], question: str) -> T | None:
        """What `look` finds; while it finds nothing the words are said, and somebody may have it look again."""
        found = look()
        for _ in range(TRIES):
            if found:
                return found
            self.say(words, Tone.ASKING)
            if not self.is_live or self.errand.terminal.ask(question) == "-":
                return None
            found = look()
        return found


def run_walk(errand: Errand, go: Callable[[], None], verb: str, reach: str) -> int:
    """A set-up to its end. An interrupt says what was kept; `reach` is what to do when the platform is not reached."""
    try:
        go()
    except KeyboardInterrupt:
        errand.terminal.say(f"\nEnded. What was not proven was not written; `{verb}` goes on from there.")
        raise
    except TemporaryFailure as failure:
        raise TemporaryFailure(failure.message, remedy=failure.remedy or reach) from failure
    return 0


def run(work: Awaitable[T]) -> T:
    """The end of what is awaited, where no loop runs."""

    async def wait() -> T:
        return await work

    return asyncio.run(wait())


def read_known(errand: Errand, names: Sequence[str], example: str) -> Mapping[str, str]:
    """The secrets that are known already: the file of --token-file first, then what the bot would read. Raises BadInput
    for a file that cannot be used; `example` is what to write into it."""
    known = {name: errand.office.read_secret(name) for name in names}
    named = str(errand.options.get("token-file") or "")
    if not named:
        return known
    file = Path(named).expanduser()
    if not file.is_file():
        raise BadInput(f"There is no file {named}.", remedy=f"Write {example} into it.")
    values, problems = read_dotenv(file, named)
    if problems:
        raise BadInput(problems[0].message, remedy=f"{problems[0].where}: {problems[0].remedy}")
    if not any(values.get(name) for name in names):
        raise BadInput(f"{named} holds none of {', '.join(names)}.", remedy="Write each as NAME=value.")
    return known | {name: values[name] for name in names if values.get(name)}
