"""Verbs that integrations bring: `callboard slack setup`. Nothing of a platform is imported before one is called."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from core.interfaces import Flag, Integration, LocalVerb

CONFIG_HELP = "The configuration file."


@cache
def find_bringers(everywhere: bool = False) -> Sequence[Integration]:
    """Integrations that bring verbs: those of the house, and `everywhere` also those of other distributions. Raises
    ConfigurationError for one of these that cannot be used."""
    from bot.records import find_integrations, find_own

    return [item for item in (find_integrations() if everywhere else find_own()) if item.verbs]


def choose_bringers(words: Sequence[str], known: Sequence[str]) -> Sequence[Integration]:
    """Those whose verbs this command line may mean, `known` being all other verbs. Other distributions are asked for a
    word that nothing else knows, not for every `--help`: reading entry points takes as long as all the rest of it.
    Raises ConfigurationError for one of these that cannot be used."""
    if words and words[0] in known:
        return ()
    own = find_bringers()
    if not words or words[0].startswith("-") or words[0] in [item.name for item in own]:
        return own
    return [item for item in find_bringers(everywhere=True) if item.name not in known]


def add_verbs(app: typer.Typer, bringers: Sequence[Integration], make_group: Callable[[str], typer.Typer]) -> None:
    """A group for each integration, with its verbs."""
    for item in bringers:
        group = make_group(item.about.rstrip("."))
        app.add_typer(group, name=item.name)
        for verb in item.verbs:
            group.command(verb.name, help=f"{verb.about}.")(make_runner(item.name, verb))


def make_runner(name: str, verb: LocalVerb) -> Callable[..., None]:
    """A function with the signature that typer reads."""

    def callback(config: Path | None = None, **given: Any) -> None:
        raise typer.Exit(run_verb(name, verb, config, {key.replace("_", "-"): value for key, value in given.items()}))

    kinds = inspect.Parameter.KEYWORD_ONLY
    fields = [(flag.name.replace("-", "_"), *describe_flag(flag)) for flag in verb.flags]
    fields.append(("config", Annotated[Path | None, typer.Option(help=CONFIG_HELP, metavar="FILE")], None))
    signature = [inspect.Parameter(key, kinds, annotation=hint, default=default) for key, hint, default in fields]
    callback.__annotations__ = {key: hint for key, hint, _ in fields}
    setattr(callback, "__signature__", inspect.Signature(signature))  # noqa: B010
    return callback


def describe_flag(flag: Flag) -> tuple[Any, Any]:
    option = f"--{flag.name}"
    if not flag.metavar:
        return Annotated[bool, typer.Option(option, help=flag.about)], False
    return Annotated[str, typer.Option(option, help=flag.about, metavar=flag.metavar, show_default=False)], ""


def run_verb(name: str, verb: LocalVerb, config: Path | None, options: dict[str, Any]) -> int:
    """Its exit code, or that of the error, which is shown."""
    from bot.cli.errand import make_errand
    from bot.cli.local import run_guarded

    as_json = bool(options.get("json"))
    return run_guarded(lambda: verb.run(make_errand(name, config, os.environ, Path.cwd(), options)), as_json)
