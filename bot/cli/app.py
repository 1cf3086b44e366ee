"""The typer app: one command for each of the registry, and the local verbs. Only what is called is built in full."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from bot.cli.complete import make_completer
from bot.cli.program import LOCAL_VERBS, ExitCode, find_program, show_error
from bot.cli.verbs import add_verbs, choose_bringers, find_bringers
from bot.commands.parameters import FILES, Parameter
from core.errors import ConfigurationError, NotFound
from core.version import VERSION

if TYPE_CHECKING:
    from bot.commands.registry import Command, Registry
    from core.interfaces import Integration

COMPLETE_VARIABLE = "_CALLBOARD_COMPLETE"
PLAIN = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
JSON_HELP = "Print the answer as JSON."
WAIT_HELP = "Watch until the agent ends; ask here when it asks."
FOLLOW_HELP = "Go on with every new one until interrupted."
APPROVE_HELP = "Approve every permission (never a question) without asking."
GROUPS = {
    "rules": "What agents may do without asking, and never",
    "budget": "What agents may use, and what they used",
    "project": "The repositories in which agents work",
    "me": "Who you are here; alone it shows you",
    "admin": "Keys to the HTTP API, and people",
}
ABOUT = (
    "Callboard runs coding agents as a team: spawn, query, steer and escalate them with the same commands everywhere."
)

ConfigOption = Annotated[Path | None, typer.Option(help="The configuration file.", metavar="FILE")]
JsonOption = Annotated[bool, typer.Option("--json", help=JSON_HELP)]
ApproveOption = Annotated[Literal["once"] | None, typer.Option(help=APPROVE_HELP)]


def run_app(registry: Registry, words: list[str]) -> int:
    """Run one command line; returns its exit code."""
    words = translate_words(registry, words)
    try:
        bringers = choose_bringers(words, (*LOCAL_VERBS, *registry.verbs))
        check_verb(registry, words, [item.name for item in bringers])
    except (NotFound, ConfigurationError) as error:
        show_error(error, "--json" in words)
        return ExitCode.UNUSABLE
    app = build_app(registry, find_wanted(words), bringers)
    completing = any(word.startswith(("--install-completion", "--show-completion")) for word in words)
    program = "callboard" if completing else find_program()
    try:
        app(words, prog_name=program, complete_var=COMPLETE_VARIABLE)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitCode.FAILED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) went away: nobody is left to tell, and the interpreter must not try at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExitCode.DONE


def translate_words(registry: Registry, words: list[str]) -> list[str]:
    """Synonyms become the names they stand for, and `help X` becomes `X --help`."""
    if words[:1] == ["help"] and "--json" not in words:
        return translate_words(registry, [*words[1:], "--help"])
    for count in (2, 1):
        found = registry.find(" ".join(words[:count])) if len(words) >= count else None
        if found and words[0] not in LOCAL_VERBS and not (count == 1 and is_group(registry, words)):
            return [*found.name.split(), *words[count:]]
    return words


def is_group(registry: Registry, words: Sequence[str]) -> bool:
    """Whether a group is meant, and not what its word means alone (`me`): its help, or another command of it."""
    more = words[1:2]
    return words[0] in registry.groups and bool(more) and (more[0] in ("-h", "--help") or more[0][:1] != "-")


def check_verb(registry: Registry, words: Sequence[str], brought: Sequence[str] = ()) -> None:
    """Raises NotFound, with the nearest verbs, for a first word that is none; `brought` are those of integrations."""
    if not words or words[0].startswith("-") or words[0] in (*LOCAL_VERBS, *registry.verbs, *brought):
        return
    from difflib import get_close_matches

    near = get_close_matches(words[0].casefold(), [*LOCAL_VERBS, *brought], n=1)
    if near:
        raise NotFound(f"There is no command {words[0][:40]}.", remedy=f"Did you mean `{near[0]}`?")
    registry.get(words[0])


def find_wanted(words: Sequence[str]) -> str | None:
    """The command or group that is called; None when all are needed (completion)."""
    if COMPLETE_VARIABLE in os.environ:
        return None
    return words[0] if words else ""


def build_app(
    registry: Registry, wanted: str | None = None, bringers: Sequence[Integration] | None = None
) -> typer.Typer:
    """All commands, `wanted` (all for None) with their parameters, the others with name and description only, and the
    verbs of integrations (for None those of the house)."""
    app = make_typer(ABOUT, epilog=f"Start the bot with `{find_program()} up`; each command has its own --help.")
    app.callback()(start)
    groups: dict[str, typer.Typer] = {}
    for item in registry:
        group, _, rest = item.name.rpartition(" ")
        if group and group not in groups:
            groups[group] = make_typer(GROUPS.get(group, f"Commands about {group}"))
            app.add_typer(groups[group], name=group)
        add_command(groups.get(group, app), item, rest, full=wanted in (None, item.name, group or item.name))
    add_local(app)
    add_verbs(app, find_bringers() if bringers is None else bringers, make_typer)
    return app


def make_typer(about: str, epilog: str = "") -> typer.Typer:
    """Without rich's panels and tracebacks: they cost more than all the rest of `--help`."""
    return typer.Typer(
        help=about,
        epilog=epilog,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=PLAIN,
    )


def show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"callboard {VERSION}")
        raise typer.Exit


def start(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=show_version, is_eager=True)
    ] = False,
) -> None:
    """What stands before every command."""


# ------------------------------------------------------------------------------------------------- registry to typer


def add_command(app: typer.Typer, item: Command, name: str, *, full: bool) -> None:
    synonyms = ", ".join(word for word in item.synonyms if word not in LOCAL_VERBS)
    about = f"{item.about}. Also called {synonyms}." if synonyms else f"{item.about}."
    callback = make_callback(item) if full else skip
    examples = "\n\n".join(f"{find_program()} {example}" for example in item.examples)
    epilog = f"For example:\n\n{examples}" if examples and full else None
    kind = make_class(" ".join(part.usage for part in item.positionals)) if full else TyperCommand
    app.command(name, cls=kind, help=about, short_help=item.about, epilog=epilog, context_settings=PLAIN)(callback)


def make_class(words: str) -> type[TyperCommand]:
    """Usage lines as in the registry, without the Python types that typer adds to them."""

    class Verb(TyperCommand):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            for item in self.params:
                if item.param_type_name == "argument":
                    setattr(item, "display_type_rich", lambda ctx: None)  # noqa: ARG005, B010

        def collect_usage_pieces(self, ctx: Any) -> list[str]:
            return [words, "[OPTIONS]"] if words else ["[OPTIONS]"]

    return Verb


def skip() -> None:
    """Stands for a command that this command line does not call."""


def make_callback(item: Command) -> Callable[..., None]:
    """A function with the signature that typer reads."""

    def callback(**given: Any) -> None:
        from bot.cli.run import Call, run_call

        options = {name: bool(given.pop(name, None)) for name in ("as_json", "wait", "approve", "follow")}
        raise typer.Exit(run_call(Call(item, given, **options)))

    fields = list_fields(item)
    kinds = inspect.Parameter.KEYWORD_ONLY
    signature = [inspect.Parameter(name, kinds, annotation=hint, default=default) for name, hint, default in fields]
    callback.__annotations__ = {name: hint for name, hint, _ in fields}
    setattr(callback, "__signature__", inspect.Signature(signature))  # noqa: B010
    return callback


def list_fields(item: Command) -> list[tuple[str, Any, Any]]:
    """Name, annotation and default of each parameter, and of the options that every command has here."""
    from bot.cli.run import FOLLOWED, WAITABLE

    shown = [parameter for parameter in item.parameters if parameter.positional and not parameter.leading]
    leading = next((parameter for parameter in item.parameters if parameter.leading), None)
    fields = [make_argument(parameter, leading) for parameter in shown]
    fields += [make_option(parameter) for parameter in item.parameters if parameter not in shown]
    if item.name in WAITABLE:
        fields.append(("wait", Annotated[bool, typer.Option("--wait", help=WAIT_HELP)], False))
        once = typer.Option("--approve", help=f"With --wait: {APPROVE_HELP.lower()}")
        fields.append(("approve", Annotated[Literal["once"] | None, once], None))
    if item.name == FOLLOWED:
        fields.append(("follow", Annotated[bool, typer.Option("--follow", help=FOLLOW_HELP)], False))
    fields.append(("as_json", JsonOption, False))
    return fields


def make_argument(item: Parameter, leading: Parameter | None) -> tuple[str, Any, Any]:
    metavar = item.placeholder
    if item.rest_of_line and leading:
        metavar = f"[{leading.placeholder}] {metavar}"
    info = typer.Argument(
        metavar=metavar, help=describe_parameter(item), autocompletion=make_completer(item.type.source)
    )
    kind: Any = list[str] if item.rest_of_line else str
    default = inspect.Parameter.empty if item.required else None
    return item.name, Annotated[kind if item.required else kind | None, info], default


def make_option(item: Parameter) -> tuple[str, Any, Any]:
    metavar = None if item.is_flag or item.choices else item.placeholder
    completer = make_completer(item.type.source)
    info = typer.Option(
        item.option, metavar=metavar, help=describe_parameter(item), autocompletion=completer, show_default=False
    )
    if item.is_flag:
        return item.name, Annotated[bool, info], False
    kinds: Mapping[Any, Any] = {FILES: list[str]}
    kind = Literal[item.choices] if item.choices else kinds.get(item.type, str)
    return item.name, Annotated[kind | None, info], None


def describe_parameter(item: Parameter) -> str:
    """Its help, with the default where there is one worth showing."""
    if item.default in (None, False, "", ()):
        return item.help
    return f"{item.help} [default: {item.default}]".strip()


# -------------------------------------------------------------------------------------------------------- local verbs


def add_local(app: typer.Typer) -> None:
    app.command("up", help="Start the bot on this machine")(start_bot)
    app.command("open", help="Open the web console in a browser, signed in")(open_console)
    app.command("watch", cls=make_class("AGENT"), help="Watch an agent until it ends; ask here when it asks")(watch)
    config = make_typer("Look at the configuration")
    app.add_typer(config, name="config")
    config.command("check", help="Say what is wrong with the configuration, and what to do")(check_config)
    config.command("example", help="Print an example of callboard.yaml")(print_example)


def start_bot(
    port: Annotated[int | None, typer.Option(help="Port of the HTTP API.", metavar="N", min=0, max=65535)] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", metavar="ADDRESS")] = None,
    config: ConfigOption = None,
) -> None:
    from bot.cli.local import run_bot

    raise typer.Exit(run_bot(host, port, config))


def open_console(
    print_only: Annotated[bool, typer.Option("--print", help="Print the link; open nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    from bot.cli.visit import run_open

    raise typer.Exit(run_open(print_only=print_only, as_json=as_json))


def watch(
    agent: Annotated[
        str, typer.Argument(metavar="AGENT", help="The agent, like web-3.", autocompletion=make_completer("agents"))
    ],
    approve: ApproveOption = None,
    as_json: JsonOption = False,
) -> None:
    from bot.cli.run import run_watch

    raise typer.Exit(run_watch(agent, as_json=as_json, approve=bool(approve)))


def check_config(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    from bot.cli import local

    raise typer.Exit(local.check_config(config, as_json))


def print_example() -> None:
    from bot.cli import local

    raise typer.Exit(local.print_example())
