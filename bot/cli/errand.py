"""What a verb of an integration is given: the terminal, and the files with secrets and people."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from bot.cli.program import say_commands
from bot.cli.render import TONES, make_console, write_plain
from bot.cli.screen import is_interactive
from core.errors import BadInput, Conflict
from core.interfaces import Errand
from core.messages import Tone
from core.settings import Written, read_written
from core.settings.dotenv import set_variables
from core.settings.edit import insert_entry
from core.settings.file import read_content, replace_file
from core.settings.place import show_file
from core.text import plain


class Desk:
    """A Terminal: colours where somebody sees them, plain lines in a pipe."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._console = make_console(stream) if is_interactive(stream) else None

    @property
    def is_live(self) -> bool:
        return sys.stdin is not None and sys.stdin.isatty() and self._stream.isatty()

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Lines that stay."""
        shown = plain(say_commands(text))
        if self._console is None:
            write_plain(self._stream, f"{shown}\n")
            return
        from rich.text import Text

        self._console.print(Text(shown, "" if tone is Tone.PLAIN else TONES[tone.value]), soft_wrap=True)

    def ask(self, question: str, *, hidden: bool = False) -> str:
        """What was typed. The end of the input is an interrupt."""
        if not self.is_live:
            raise BadInput(f"There is nobody to ask: {question}.", remedy="Run it at a terminal.")
        shown = f"{plain(say_commands(question))}: "
        try:
            return (getpass.getpass(shown) if hidden else input(shown)).strip()
        except EOFError:
            raise KeyboardInterrupt from None


class Files:
    """An Office: .env and callboard.yaml, each written in one step."""

    def __init__(self, written: Written, environ: Mapping[str, str], folder: Path) -> None:
        self._written = written
        self._environ = environ
        self._folder = folder
        self._fresh: dict[str, str] = {}

    def read_secret(self, name: str) -> str:
        return self._fresh.get(name) or self._written.environment.get(name, "")

    def keep_secrets(self, values: Mapping[str, str]) -> str:
        file = self._written.dotenv
        if held := [name for name, value in values.items() if self._environ.get(name, value) != value]:
            remedy = f"Unset it, or set it there: the environment wins over {show_file(file, self._folder)}."
            raise Conflict(f"{' and '.join(held)} is set to something else in the environment.", remedy=remedy)
        before = read_content(file)
        replace_file(file, set_variables(_read_text(file, before), values).encode(), before, private=True)
        self._fresh |= values
        return show_file(file, self._folder)

    def add_person(self, name: str, role: str, identity: str) -> str:
        file = self._written.file
        before = read_content(file)
        fields = {"role": role, "identities": identity}
        try:
            made = insert_entry(_read_text(file, before), "people", name, fields)
        except ValueError:
            remedy = f"Add {identity} to the identities of {name} there."
            raise Conflict(f"{show_file(file, self._folder)} names {name} already.", remedy=remedy) from None
        replace_file(file, made.encode(), before)
        return show_file(file, self._folder)


def _read_text(file: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Conflict(f"{file} is not UTF-8 text.", remedy="Save it as UTF-8.") from error


def make_errand(
    name: str, config: Path | None, environ: Mapping[str, str], folder: Path, options: Mapping[str, Any]
) -> Errand:
    """For a verb of an integration. Raises BadSettings for files that cannot be read."""
    written = read_written(config, environ, folder, name)
    people = {person: _list_identities(value) for person, value in written.people.items()}
    return Errand(
        options, Desk(sys.stdout), Files(written, environ, folder), written.section, people, written.public_url
    )


def _list_identities(person: Any) -> list[str]:
    found = person.get("identities") if isinstance(person, Mapping) else None
    return found.split(",") if isinstance(found, str) else [str(item) for item in found or ()]
