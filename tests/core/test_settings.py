from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr, field_validator, model_validator

from bot.reference import PAGE, write_configuration
from bot.reference.configuration import list_sections
from core.errors import ConfigurationError, NotFound
from core.home import find_home
from core.interfaces import Kind
from core.model import Role
from core.settings import (
    BadSettings,
    Readiness,
    ResolvedKind,
    Section,
    Settings,
    Variable,
    agent_environment,
    check_kind,
    check_projects,
    example_text,
    find_file,
    find_kind_secrets,
    load_settings,
    resolve_kinds,
)
from core.settings.document import parse_document, read_scalar
from core.settings.environment import find_secrets
from core.settings.model import walk_sections

ROOT = Path(__file__).parent.parent.parent
CANARY = "xoxb-4711-canary-0815"


class SlackSettings(Section):
    bot_token: Annotated[SecretStr, Variable("SLACK_BOT_TOKEN")]
    app_token: Annotated[SecretStr, Variable("SLACK_APP_TOKEN")]
    channel: str = ""
    edit_gap: float = 1.0


class LooseSettings(BaseModel):
    """As somebody else would write one: no Section, and an error that repeats its secret."""

    token: Annotated[SecretStr, Variable("LOOSE_TOKEN", enables=False)] = SecretStr("")
    nested: dict[str, SecretStr] = {}
    word: str = ""

    @field_validator("word")
    @classmethod
    def check_word(cls, value: str) -> str:
        if value:
            raise ValueError(f"nobody wants {value}")
        return value

    @model_validator(mode="after")
    def check_token(self) -> LooseSettings:
        if "canary" in self.token.get_secret_value():
            raise ValueError(f"bad token {self.token.get_secret_value()}")
        return self


CLASSES: dict[str, type[BaseModel]] = {"slack": SlackSettings, "loose": LooseSettings}
TOKENS = {"SLACK_BOT_TOKEN": "xoxb-bot-token", "SLACK_APP_TOKEN": "xapp-app-token"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def load(folder: Path, text: str | bytes | None = None, /, dotenv: str = "", **environ: str) -> Settings:
    if text is not None:
        (folder / "callboard.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    if dotenv:
        (folder / ".env").write_text(dotenv)
    surroundings = {"HOME": str(folder / "person"), **environ}
    return load_settings(None, surroundings, folder, CLASSES)


def find_problems(folder: Path, text: str | bytes | None = None, /, dotenv: str = "", **environ: str) -> BadSettings:
    with pytest.raises(BadSettings) as caught:
        load(folder, text, dotenv, **environ)
    return caught.value


# ------------------------------------------------------------------------------------------------ what is fine


def test_nothing_is_all_defaults(folder: Path) -> None:
    read = load(folder)
    assert read.file is None
    assert read.home == folder / "person/.local/share/callboard"
    assert read.database_url.get_secret_value() == f"sqlite+aiosqlite:///{read.home}/callboard.sqlite3"
    assert read.events_file == read.home / "events.jsonl"
    assert read.first_project == "sample"
    assert (read.http.host, read.http.port, read.limits.max_agents, read.limits.request_hours) == (
        "127.0.0.1",
        8765,
        8,
        None,
    )
    assert read.integrations == {}


def test_everything_is_read(folder: Path) -> None:
    read = load(
        folder,
        """
        default_project: web
        projects:
          web: {path: src/web, base: release/2, kind: mine, accept: push}
          api: {path: ~/api}
        kinds:
          mine: {command: "my-agent --flag 'two words'", env: {LEVEL: 3, KEY: $MY_KEY, PRICE: $$KEY}, pass_env: [A, B]}
        people:
          alice: {role: approver, identities: ["local:alice", "slack:T1/U2"]}
        limits: {minutes: 0.5, request_hours: 24}
        """,
        MY_KEY="key-from-environment",
    )
    assert read.project("web").path == folder / "src/web"
    assert read.project("api").path == folder / "person/api"
    assert read.project("web").accept == "push"
    kind = read.kind("mine")
    assert kind.command == ("my-agent", "--flag", "two words")
    assert {name: value.get_secret_value() for name, value in kind.env.items()} == {
        "LEVEL": "3",
        "KEY": "key-from-environment",
        "PRICE": "$KEY",
    }
    assert read.people["alice"].role is Role.APPROVER
    assert (read.limits.minutes, read.limits.request_hours) == (0.5, 24)
    assert read.first_project == "web"
    assert read.locate("projects", "web", "kind") == "callboard.yaml:4: projects.web.kind"


def test_only_project_is_the_first(folder: Path) -> None:
    assert load(folder, "projects: {web: {path: w}}").first_project == "web"
    assert load(folder, "projects: {web: {path: w}, api: {path: a}}").first_project == "sample"


def test_empty_sections_are_defaults(folder: Path) -> None:
    assert (
        load(folder, "http:\nprojects:\nkinds:\nintegrations:\npeople:\n").model_dump() == load(folder, "").model_dump()
    )


def test_unknown_project_is_not_found(folder: Path) -> None:
    with pytest.raises(NotFound, match="Did you mean web"):
        load(folder, "projects: {web: {path: w}}").project("wbe")


def test_settings_cannot_be_changed(folder: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(folder).http.port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("2024-01-01", "2024-01-01"),
        ("0x10", "0x10"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("007", 7),
        ("-1.5", -1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1" * 30, "1" * 30),
        (".inf", ".inf"),
        (".", "."),
    ],
)
def test_scalars_hold_no_surprise(text: str, value: object) -> None:
    read = read_scalar(text)
    assert read == value
    assert type(read) is type(value)


# ------------------------------------------------------------------------------------------------ where it comes from


def test_home_follows_the_platform() -> None:
    person = {"HOME": "/home/ann"}
    assert find_home(person, "linux") == Path("/home/ann/.local/share/callboard")
    assert find_home({**person, "XDG_DATA_HOME": "/data"}, "linux") == Path("/data/callboard")
    assert find_home({**person, "XDG_DATA_HOME": "data"}, "linux") == Path("/home/ann/.local/share/callboard")
    assert find_home(person, "darwin") == Path("/home/ann/Library/Application Support/callboard")
    assert find_home({**person, "CALLBOARD_HOME": "~/cb"}, "darwin") == Path("/home/ann/cb")
    assert find_home({**person, "CALLBOARD_HOME": "cb"}, "linux") == Path.cwd() / "cb"


def test_named_file_wins(folder: Path) -> None:
    home = folder / "home"
    home.mkdir()
    environ = {"HOME": str(folder), "CALLBOARD_HOME": str(home)}
    assert find_file(None, environ, folder) is None
    (home / "callboard.yaml").touch()
    assert find_file(None, environ, folder) == home / "callboard.yaml"
    (folder / "callboard.yaml").touch()
    assert find_file(None, environ, folder) == folder / "callboard.yaml"
    assert find_file(None, {**environ, "CALLBOARD_CONFIG": "a.yaml"}, folder) == folder / "a.yaml"
    assert find_file(Path("b.yaml"), {**environ, "CALLBOARD_CONFIG": "a.yaml"}, folder) == folder / "b.yaml"


@pytest.mark.parametrize("how", ["option", "variable"])
def test_named_file_must_exist(folder: Path, how: str) -> None:
    environ = {"HOME": str(folder)} | ({"CALLBOARD_CONFIG": "gone.yaml"} if how == "variable" else {})
    with pytest.raises(BadSettings, match=r"gone.yaml: there is no such file. .*config example"):
        load_settings(Path("gone.yaml") if how == "option" else None, environ, folder)


def test_variables_win_over_dotenv_over_file(folder: Path) -> None:
    text = "http: {port: 1, host: '::1'}\nlimits: {turns: 1}"
    read = load(folder, text, "CALLBOARD_HTTP__PORT=2\nexport CALLBOARD_LIMITS__TURNS='2'\n", CALLBOARD_HTTP__PORT="3")
    assert (read.http.port, read.http.host, read.limits.turns) == (3, "::1", 2)


def test_dotenv_beside_the_file_wins(folder: Path) -> None:
    beside = folder / "etc"
    beside.mkdir()
    (beside / "c.yaml").touch()
    (beside / ".env").write_text("CALLBOARD_LIMITS__TURNS=1")
    (folder / ".env").write_text("CALLBOARD_LIMITS__TURNS=2\nCALLBOARD_LIMITS__RESTARTS=2")
    read = load_settings(Path("etc/c.yaml"), {"HOME": str(folder)}, folder)
    assert (read.limits.turns, read.limits.restarts) == (1, 2)
    assert read.file == beside / "c.yaml"


def test_dotenv_folder_is_skipped(folder: Path) -> None:
    (folder / ".env").mkdir()
    assert load(folder).http.port == 8765


def test_variables_reach_every_shape(folder: Path) -> None:
    read = load(
        folder,
        CALLBOARD_PROJECTS='{"web": {"path": "/w"}}',
        CALLBOARD_PROJECTS__WEB__BASE="main",
        CALLBOARD_KINDS__MINE__COMMAND="agent --acp",
        CALLBOARD_KINDS__MINE__PASS_ENV="A, B",
        CALLBOARD_KINDS__MINE__ENV__MixedCase="1",
        CALLBOARD_KINDS__OTHER__COMMAND='["a b", "c"]',
        CALLBOARD_HTTP__ALLOW_REMOTE="true",
        CALLBOARD_HTTP__HOST="0.0.0.0",
        CALLBOARD_LIMITS__REQUEST_HOURS="1.5",
    )
    assert (read.project("web").path, read.project("web").base) == (Path("/w"), "main")
    assert read.kind("mine").command == ("agent", "--acp")
    assert read.kind("mine").pass_env == ("A", "B")
    assert list(read.kind("mine").env) == ["MixedCase"]
    assert read.kind("other").command == ("a b", "c")
    assert (read.http.host, read.limits.request_hours) == ("0.0.0.0", 1.5)


def test_process_environment_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLBOARD_HTTP__PORT", "99")
    assert load(folder).http.port == 8765


def test_variables_of_the_command_line_are_left_alone(folder: Path) -> None:
    assert load(folder, None, "", CALLBOARD_URL="http://x", CALLBOARD_TOKEN="t", CALLBOARD_PROG="./callboard").home


def test_kubernetes_variables_are_left_alone(folder: Path) -> None:
    services = {"CALLBOARD_SERVICE_HOST": "10.0.0.1", "CALLBOARD_PORT": "tcp://10.0.0.1:80"}
    more = {"CALLBOARD_PORT_80_TCP_ADDR": "10.0.0.1", "CALLBOARD_WEB_SERVICE_PORT_HTTP": "80"}
    assert load(folder, None, "", **services, **more).http.port == 8765


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("postgresql://ann@db/callboard", "postgresql+psycopg://ann@db/callboard"),
        (
            "postgres://ann@db:5433/callboard?sslmode=require",
            "postgresql+psycopg://ann@db:5433/callboard?sslmode=require",
        ),
        ("sqlite:////srv/cb.sqlite3", "sqlite+aiosqlite:////srv/cb.sqlite3"),
        ("sqlite:///cb.sqlite3", "sqlite+aiosqlite:///{folder}/cb.sqlite3"),
        ("$DB", "postgresql+psycopg://ann:hush-hush@db/x"),
    ],
)
def test_database_is_an_address(folder: Path, written: str, url: str) -> None:
    read = load(folder, f'database: "{written}"', DB="postgresql://ann:hush-hush@db/x")
    assert read.database_url.get_secret_value() == url.replace("{folder}", str(folder))


# ------------------------------------------------------------------------------------------------ what is wrong

DEEP = "a: " + "[" * 5000
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)
BAD_FILES: list[tuple[str, str | bytes, str, str, str]] = [
    # name, file, where, message, remedy
    ("key", "htpp: {}", "callboard.yaml:1: htpp", "no such key", "Did you mean http?"),
    ("key in section", "limits:\n  max_agent: 3", "callboard.yaml:2: limits.max_agent", "no such key", "max_agents?"),
    (
        "key of a project",
        "projects:\n  web:\n    path: x\n    pth: y",
        "yaml:4: projects.web.pth",
        "no such key",
        "path?",
    ),
    ("key far off", "log: {xyzzy: 1}", "log.xyzzy", "no such key", "Known here: format, level."),
    (
        "repeated",
        "http: {port: 1}\nlog: {}\nhttp: {}",
        "callboard.yaml:3: http",
        "twice; the first is on line 1",
        "Remove",
    ),
    ("repeated inside", "http:\n  port: 1\n  port: 2", "callboard.yaml:3: http.port", "twice", "Remove one"),
    ("syntax", "http: {port: 1\nlog: {}", "callboard.yaml:2:", "not YAML", "line"),
    ("tab", "http:\n\tport: 1", "callboard.yaml:2:1", "a tab", "spaces"),
    ("list", "- a\n- b", "callboard.yaml:1", "keys with values", "config example"),
    ("text", "hello", "callboard.yaml:1", "keys with values", "config example"),
    ("binary", b"a: \x00\x01\x02", "callboard.yaml", "characters that text does not have", "binary"),
    ("latin-1", "log: {level: info}\n# caf\xe9".encode("latin-1"), "callboard.yaml:2", "not UTF-8", "Save it as UTF-8"),
    ("utf-16", "log: {}".encode("utf-16"), "callboard.yaml:1", "not UTF-8", "UTF-8"),
    ("huge", b"# " + b"x" * 1_100_000, "callboard.yaml", "larger than 1 MiB", "path"),
    ("deep", DEEP, "callboard.yaml:1:", "nested too deeply", "deep"),
    ("bomb", BOMB, "callboard.yaml:", "more than 20000 values", "aliases"),
    ("cycle", "a: &a [*a]", "callboard.yaml:1:8", "stands for nothing", "Define it"),
    ("no anchor", "a: *b", "callboard.yaml:1:4", "stands for nothing", "quotes"),
    ("merge", "a: &a {b: 1}\nlog:\n  <<: *a", "callboard.yaml:3:3", "merge keys", "Repeat"),
    ("tag", "a: !!python/object/apply:os.system [id]", "callboard.yaml:1:4", "tags", "Remove the tag"),
    ("two documents", "log: {}\n---\nlog: {}", "callboard.yaml:2", "second document", "one document"),
    ("list as key", "? [a, b]\n: c", "callboard.yaml:1:3", "key must be plain text", "quotes"),
    ("bad escape", 'a: "\\UFFFFFFFF"', "callboard.yaml", "escape", "\\U"),
    ("surrogate", 'a: "\\ud800"', "callboard.yaml:1:4", "half a character", "character"),
    ("number", "http:\n  port: http", "callboard.yaml:2: http.port", "whole number", "digits"),
    ("fraction", "http: {port: 80.5}", "http.port", "whole number", "digits"),
    ("too large", "http: {port: 65536}", "http.port", "at most 65535", "smaller"),
    ("very large", f"http: {{port: {'9' * 5000}}}", "http.port", "whole number", "digits"),
    ("too small", "limits: {max_agents: 0}", "limits.max_agents", "at least 1", "larger"),
    ("zero minutes", "limits: {minutes: 0}", "limits.minutes", "more than 0", "larger"),
    ("no number", "limits: {minutes: nan}", "limits.minutes", "must be a number", "60"),
    ("switch as number", "limits: {restarts: true}", "limits.restarts", "not true or false", "number"),
    ("no switch", "http: {allow_remote: maybe}", "http.allow_remote", "true or false", "without quotes"),
    ("no value", "http:\n  port:", "callboard.yaml:2: http.port", "no value", "remove the line"),
    ("section as text", "http: 8765", "callboard.yaml:1: http", "keys of its own", "indented"),
    ("projects as list", "projects: [web]", "callboard.yaml:1: projects", "keys of its own", "indented"),
    ("project with no value", "projects:\n  web:", "callboard.yaml:2: projects.web", "no value", "Give"),
    ("project without path", "projects:\n  web: {}", "callboard.yaml:2: projects.web.path", "missing", "Add it"),
    ("project name", "projects: {My Web: {path: x}}", "projects.My Web", "name does not fit", "small letter"),
    (
        "project accept",
        "projects: {web: {path: x, accept: yolo}}",
        "projects.web.accept",
        "'rebase' or 'push'",
        "one of",
    ),
    ("project path", "projects: {web: {path: 3}}", "projects.web.path", "must be a path", "~/src/web"),
    ("project base", "projects: {web: {path: x, base: --force}}", "projects.web.base", "branch", "letters"),
    ("base dots", "projects: {web: {path: x, base: a..b}}", "projects.web.base", "branch", "letters"),
    (
        "default project",
        "default_project: wbe\nprojects: {web: {path: x}}",
        ":1: default_project",
        "no such",
        "mean web?",
    ),
    ("remote", "http: {host: 0.0.0.0}", "callboard.yaml:1: http.host", "other machines", "http.allow_remote: true"),
    ("url", "http: {public_url: callboard}", "http.public_url", "web address", "https://"),
    ("url port", "http: {public_url: 'http://h:99999999'}", "http.public_url", "web address", "https://"),
    ("control characters", 'kinds: {a: {about: "a\\nb"}}', "kinds.a.about", "one line", "line breaks"),
    ("role", "people: {ann: {role: boss}}", "people.ann.role", "viewer, operator, approver, admin", "one of"),
    ("role nobody", "people: {ann: {role: nobody}}", "people.ann.role", "must be one of", "one of"),
    ("role number", "people: {ann: {role: 4}}", "people.ann.role", "must be one of", "one of"),
    (
        "identity",
        "people: {ann: {role: admin, identities: [ann]}}",
        "people.ann.identities.0",
        "identity",
        "local:alice",
    ),
    (
        "identity twice",
        "people:\n  a: {role: admin, identities: ['x:1']}\n  b: {role: admin, identities: ['x:1']}",
        "callboard.yaml:3: people.b.identities",
        "belongs to a",
        "one person",
    ),
    ("command quote", 'kinds: {a: {command: "a \'b"}}', "kinds.a.command", "a quote", "list"),
    ("command shape", "kinds: {a: {command: {b: c}}}", "kinds.a.command", "must be a command", "list of texts"),
    ("command numbers", "kinds: {a: {command: [a, 1]}}", "kinds.a.command", "must be a command", "list of texts"),
    ("command empty", "kinds: {a: {command: ['', x]}}", "kinds.a.command", "must be a command", "program"),
    ("agent variable", "kinds: {a: {env: {A-B: x}}}", "kinds.a.env.A-B", "not a name", "underscores"),
    ("agent value", "kinds: {a: {env: {A: 1.10}}}", "kinds.a.env.A", "must be text", "quotes"),
    ("agent value unset", "kinds: {a: {env: {A: $NOPE}}}", "kinds.a.env.A", "NOPE is not set", ".env"),
    (
        "bot's variable",
        "kinds: {a: {env: {SLACK_BOT_TOKEN: x}}}",
        "kinds.a.env.SLACK_BOT_TOKEN",
        "bot's own",
        "another",
    ),
    ("bot's value", "kinds: {a: {env: {A: '${CALLBOARD_DATABASE}'}}}", "kinds.a.env.A", "bot's own", "another"),
    ("bot's pass", "kinds: {a: {pass_env: [PATH, DATABASE_URL]}}", "kinds.a.pass_env.1", "bot's own", "another"),
    ("bot's pass small", "kinds: {a: {pass_env: [smtp_password]}}", "kinds.a.pass_env.0", "bot's own", "another"),
    (
        "database",
        "database: mysql://a/b",
        "callboard.yaml:1: database",
        "not an address of a database",
        "postgresql://",
    ),
    ("database file", "database: /srv/x.sqlite3", "database", "not an address of a database", "sqlite:///"),
    ("database no name", "database: postgresql://h", "database", "not an address of a database", "postgresql://"),
    ("password", "database: postgresql://a:hush-hush@h/d", "database", "does not belong", "CALLBOARD_DATABASE"),
    ("database unset", "database: $NOPE", "callboard.yaml:1: database", "NOPE is not set", ".env"),
    ("log level", "log: {level: loud}", "log.level", "'debug', 'info', 'warning' or 'error'", "one of"),
    ("integration", "integrations: {slak: {}}", "integrations.slak", "no such integration", "Did you mean slack?"),
    ("integrations", "integrations: [slack]", "callboard.yaml:1: integrations", "keys of its own", "section"),
    ("integration text", "integrations: {slack: hello}", "integrations.slack", "keys of its own", "slack: false"),
    (
        "half-configured",
        "integrations:\n  slack: {}",
        "yaml:2: integrations.slack.bot_token",
        "half-configured",
        "SLACK_BOT",
    ),
    ("loose key", "integrations: {loose: {tokn: x}}", "integrations.loose.tokn", "no such key", "Did you mean token?"),
    ("loose secret", "integrations: {loose: {token: abc}}", "integrations.loose.token", "does not belong", ".env"),
    (
        "deep secret",
        "integrations: {loose: {nested: {x: abcd}}}",
        "integrations.loose.nested.x",
        "does not belong",
        ".env",
    ),
    ("secret unset", "integrations: {loose: {token: $NOPE}}", "integrations.loose.token", "NOPE is not set", ".env"),
]


@pytest.mark.parametrize(
    ("text", "where", "message", "remedy"), [row[1:] for row in BAD_FILES], ids=[row[0] for row in BAD_FILES]
)
def test_bad_file_names_where_what_and_remedy(
    folder: Path, text: str | bytes, where: str, message: str, remedy: str
) -> None:
    error = find_problems(folder, text)
    matching = [problem for problem in error.problems if where in problem.where and message in problem.message]
    assert matching, str(error)
    assert remedy in matching[0].remedy
    assert isinstance(error, ConfigurationError)
    assert all(problem.message.endswith(".") and problem.remedy for problem in error.problems), str(error)


def test_hostile_files_are_refused_quickly(folder: Path) -> None:
    begin = time.process_time()
    for text in (DEEP, BOMB, "a: " + "{" * 300_000, "- " * 300_000, "&a " * 200_000, "x: 1\n" * 100_000):
        find_problems(folder, text)
    assert time.process_time() - begin < 20


def test_bad_files_of_the_file_system(folder: Path) -> None:
    surroundings = {"HOME": str(folder)}
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    for name, message in [
        ("folder", "not a file"),
        ("pipe", "not a file"),
        ("loop", "cannot be read"),
        ("a\0b", "cannot be read"),
        ("x" * 300, "cannot be read"),
        ("/dev/null", "not a file"),
    ]:
        with pytest.raises(BadSettings, match=message):
            load_settings(Path(name), surroundings, folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_file(folder: Path) -> None:
    (folder / "callboard.yaml").touch(mode=0o000)
    assert "Make it readable" in find_problems(folder).remedy


def test_broken_link_is_no_missing_file(folder: Path) -> None:
    (folder / "callboard.yaml").symlink_to("gone")
    assert "no such file" in find_problems(folder).message


def test_every_problem_is_told_at_once(folder: Path) -> None:
    error = find_problems(
        folder,
        "http: {port: x}\nhttp: {}\nlimits: {turns: 0}\nintegrations: {slak: {}, slack: {}}",
        "nonsense\n",
        CALLBOARD_LOG__LEVEL="loud",
        CALLBOARD_DATABSE="x",
    )
    places = {problem.where for problem in error.problems}
    assert {
        "callboard.yaml:2: http",
        "callboard.yaml:1: http.port",
        "callboard.yaml:3: limits.turns",
        "callboard.yaml:4: integrations.slak",
        ".env:1",
        "environment: CALLBOARD_LOG__LEVEL",
        "environment: CALLBOARD_DATABSE",
    } <= places
    assert len(str(error).splitlines()) == len(error.problems)
    assert (error.where, error.message, error.remedy) == (
        error.problems[0].where,
        error.problems[0].message,
        error.problems[0].remedy,
    )


@pytest.mark.parametrize(
    ("name", "value", "message", "remedy"),
    [
        ("CALLBOARD_DATABSE", "x", "no such setting", "Did you mean CALLBOARD_DATABASE?"),
        ("CALLBOARD_HTTP__PRT", "1", "no such key", "Did you mean port?"),
        ("CALLBOARD_HTTP__PORT", "eighty", "whole number", "digits"),
        ("CALLBOARD_PROJECTS", "{web", "not JSON", '{"key": 1}'),
        ("CALLBOARD_PROJECTS", "[1]", "keys of its own", "indented"),
        ("CALLBOARD_HTTP", "8765", "keys of its own", "indented"),
        ("CALLBOARD_KINDS__A__COMMAND", "[1", "not JSON", '["a", "b"]'),
        ("CALLBOARD_KINDS__A__PASS_ENV", "PATH,SLACK_X", "bot's own", "another"),
        ("CALLBOARD_", "x", "no such setting", "docs/configuration.md"),
        ("CALLBOARD_PROJECTS__", "x", "", ""),
        ("CALLBOARD_DATABASE", "mysql://a:b@c/d", "not an address", "postgresql://"),
    ],
)
@pytest.mark.parametrize("door", ["environment", ".env"])
def test_bad_variable_is_named(folder: Path, name: str, value: str, message: str, remedy: str, door: str) -> None:
    error = (
        find_problems(folder, None, f"{name}='{value}'")
        if door == ".env"
        else find_problems(folder, None, "", **{name: value})
    )
    first = error.problems[0]
    assert first.where == f"{door}: {name}"
    assert message in first.message
    assert remedy in first.remedy


@pytest.mark.parametrize(
    ("text", "where"),
    [("A=1\nB C\n", ".env:2"), ("A\n", ".env:1"), ("A='x\n", ".env:1"), ("CALLBOARD_HOME=/x", ".env: CALLBOARD_HOME")],
)
def test_bad_dotenv_is_named(folder: Path, text: str, where: str) -> None:
    assert find_problems(folder, None, text).problems[0].where == where


def test_byte_order_mark_is_no_part_of_a_name(folder: Path) -> None:
    (folder / ".env").write_text("CALLBOARD_HTTP__PORT=7", "utf-8-sig")
    assert load(folder).http.port == 7


def test_dotenv_that_is_not_text(folder: Path) -> None:
    (folder / ".env").write_bytes(b"A=\xff")
    assert "not UTF-8" in find_problems(folder).message


# ------------------------------------------------------------------------------------------------ integrations


def test_integration_is_on_with_a_section_or_its_variables(folder: Path) -> None:
    assert load(folder).integrations == {}
    read = load(folder, None, "", **TOKENS)
    assert read.integrations["slack"].bot_token.get_secret_value() == "xoxb-bot-token"
    read = load(folder, "integrations: {slack: {channel: '#ops'}}", "", **TOKENS)
    assert read.integrations["slack"].channel == "#ops"
    assert load(folder, "integrations: {slack: false}", "", **TOKENS).integrations == {}
    assert load(folder, "", "", LOOSE_TOKEN="abcdef").integrations == {}
    assert list(load(folder, "integrations: {loose: }", "", LOOSE_TOKEN="abcdef").integrations) == ["loose"]


def test_integration_takes_settings_from_every_source(folder: Path) -> None:
    text = "integrations: {slack: {bot_token: $OTHER_NAME, app_token: '${SLACK_APP_TOKEN}', edit_gap: 2}}"
    environ = {"OTHER_NAME": "xoxb-other", "SLACK_APP_TOKEN": "xapp-1", "CALLBOARD_INTEGRATIONS__SLACK__CHANNEL": "#a"}
    slack = load(folder, text, "", **environ).integrations["slack"]
    assert (slack.bot_token.get_secret_value(), slack.channel, slack.edit_gap) == ("xoxb-other", "#a", 2)


def test_half_configured_integration_names_the_variable(folder: Path) -> None:
    error = find_problems(folder, None, "", SLACK_BOT_TOKEN="xoxb-1")
    assert [problem.message for problem in error.problems] == [
        "the section is half-configured: SLACK_APP_TOKEN is not set."
    ]
    assert "Set SLACK_APP_TOKEN" in error.remedy


def test_integration_errors_have_their_place(folder: Path) -> None:
    error = find_problems(folder, "integrations:\n  slack:\n    edit_gap: soon\n    chanel: x", "", **TOKENS)
    assert {(problem.where, problem.remedy) for problem in error.problems} == {
        ("callboard.yaml:3: integrations.slack.edit_gap", "Write it as 60 or 0.5."),
        ("callboard.yaml:4: integrations.slack.chanel", "Did you mean channel?"),
    }


# ------------------------------------------------------------------------------------------------ secrets


@pytest.mark.parametrize(
    ("text", "environ"),
    [
        ("integrations: {loose: }", {"LOOSE_TOKEN": CANARY}),
        (f"integrations: {{loose: {{token: {CANARY}}}}}", {}),
        (f"integrations: {{loose: {{nested: {{a: {CANARY}}}}}}}", {}),
        (f"integrations: {{slack: {{edit_gap: {CANARY}}}}}", TOKENS),
        (f"integrations: {{slack: {CANARY}}}", TOKENS),
        (f"integrations: {{loose: {{word: {CANARY}}}}}", {}),
        (f"integrations: {CANARY}", {}),
        (f"integrations: {{slack: {{bot_token: [{CANARY}], app_token: {{a: {CANARY}}}}}}}", {}),
        (f"database: mysql://a:{CANARY}@b/c", {}),
        (f"database: postgresql://a:{CANARY}@b/c", {}),
        ("", {"CALLBOARD_DATABASE": f"mysql://a:{CANARY}@b/c"}),
        ("", {"CALLBOARD_DATABASE": f"postgresql://a:{CANARY}@[b/c"}),
        ("", {"CALLBOARD_HTTP__PORT": CANARY}),
        ("", {"CALLBOARD_HTTP": CANARY}),
        ("", {"CALLBOARD_PEOPLE": f"{{{CANARY}"}),
        ("", {"CALLBOARD_KINDS__A__ENV": f'["{CANARY}"]'}),
        (f"http: {{port: {CANARY}, host: {CANARY}, public_url: {CANARY}}}", {}),
        (f"log: {{level: {CANARY}}}", {}),
        (f"people: {{a: {{role: {CANARY}, identities: [{CANARY}]}}}}", {}),
        (f'kinds: {{a: {{env: {{A: [{CANARY}]}}, command: "\'{CANARY}", pass_env: [{CANARY}]}}}}', {}),
        (f"kinds: {{a: {{env: {{A: *{CANARY}}}}}}}", {}),
        (f'kinds: {{a: {{env: {{A: "{CANARY}\\q"}}}}}}', {}),
        (f"http: {{{CANARY}: 1}}", {"MY_TOKEN": CANARY}),
        (f"{CANARY}", {}),
        (f"- {CANARY}", {}),
        (f"http: {{port: 1\n{CANARY}", {}),
    ],
)
def test_errors_hold_no_secret(folder: Path, text: str, environ: dict[str, str]) -> None:
    error = find_problems(folder, text, "", **environ)
    chain: list[BaseException] = [error]
    while (
        cause := chain[-1].__cause__ or (None if chain[-1].__suppress_context__ else chain[-1].__context__)
    ) is not None:
        chain.append(cause)
    shown = "\n".join(f"{link!s}\n{link!r}" for link in chain)
    assert CANARY not in shown
    assert "canary" not in repr(error.problems)


def test_bad_dotenv_line_is_not_repeated(folder: Path) -> None:
    assert CANARY not in str(find_problems(folder, None, f"{CANARY}\nA B={CANARY}\nC='{CANARY}"))


def test_settings_do_not_show_secrets(folder: Path) -> None:
    environ = {"SLACK_BOT_TOKEN": CANARY, "SLACK_APP_TOKEN": CANARY, "KEY": CANARY}
    text = "kinds: {claude: {env: {A: $KEY, B: " + CANARY + "}}}"
    read = load(folder, text, "", **environ, CALLBOARD_DATABASE=f"postgresql://a:{CANARY}@b/c")
    kinds = resolve_kinds(read, [Kind("claude", ("claude",), "")])
    shown = f"{read} {read!r} {read.integrations} {kinds} {read.model_dump()} {read.model_dump_json()} {vars(read)}"
    assert CANARY not in shown
    assert CANARY not in repr(read.__pydantic_private__)


def test_secrets_are_all_there(folder: Path) -> None:
    read = load(
        folder,
        "kinds: {claude: {env: {A_KEY: written-key, LEVEL: verbose}}}\nintegrations: {loose: {nested: {a: $PLAIN}}}",
        "OPENAI_API_KEY=from-dotenv\n",
        CALLBOARD_DATABASE="postgresql://ann:p%40ssw0rd@db/x",
        PLAIN="plain-but-typed",
        NPM_TOKEN="npm-token",
        SSL_KEY="/etc/ssl/key.pem",
        PIN_PASSWORD="1",
        PROXY="http://u:proxy-pass@proxy:3128",
        EDITOR="vim-editor",
        **TOKENS,
    )
    assert read.secrets() == {
        "written-key",
        "from-dotenv",
        "p%40ssw0rd",
        "p@ssw0rd",
        "plain-but-typed",
        "npm-token",
        "proxy-pass",
        "xoxb-bot-token",
        "xapp-app-token",
    }


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("AWS_SECRET_ACCESS_KEY", True),
        ("api_key", True),
        ("GITHUB_TOKEN", True),
        ("GITHUB_TOKEN_2", True),
        ("DB_PASSWORD1", True),
        ("SECRET", True),
        ("MY_SECRET_THING", True),
        ("MONKEY", False),
        ("PATH", False),
        ("KEYBOARD", False),
    ],
)
def test_names_tell_secrets(name: str, secret: bool) -> None:
    assert bool(find_secrets({name: "some value"})) is secret


# ------------------------------------------------------------------------------------------------ agents

CLAUDE = Kind(
    "claude", ("claude-acp",), "Claude Code", ("ANTHROPIC_API_KEY",), ("ANTHROPIC_API_KEY", "~/.claude.json"), "npm i x"
)
DEMO = Kind("demo", ("python", "-m", "demo"), "scripted, no model", scripted=True)


def test_kinds_are_merged(folder: Path) -> None:
    text = """
    kinds:
      claude: {model: opus, env: {A: b}, pass_env: [B, ANTHROPIC_API_KEY]}
      mine: {command: my --acp, about: Mine}
    """
    kinds = resolve_kinds(load(folder, text), [DEMO, CLAUDE])
    assert list(kinds) == ["demo", "claude", "mine"]
    assert kinds["demo"] == ResolvedKind("demo", DEMO.command, about=DEMO.about, scripted=True)
    claude = kinds["claude"]
    assert (claude.command, claude.model, claude.about) == (("claude-acp",), "opus", "Claude Code")
    assert (claude.env, claude.pass_env) == ({"A": "b"}, ("ANTHROPIC_API_KEY", "B"))
    assert (claude.sign_in, claude.install) == (CLAUDE.sign_in, "npm i x")
    assert (kinds["mine"].command, kinds["mine"].about, kinds["mine"].sign_in) == (("my", "--acp"), "Mine", ())


def test_own_command_is_another_program(folder: Path) -> None:
    kinds = resolve_kinds(load(folder, "kinds: {demo: {command: ./mine}}"), [DEMO])
    assert kinds["demo"].command == (str(folder / "mine"),)
    assert not kinds["demo"].scripted


def test_unknown_kinds_are_refused(folder: Path) -> None:
    text = "kinds:\n  clade: {model: x}\nprojects:\n  web: {path: x, kind: claud}"
    with pytest.raises(BadSettings) as caught:
        resolve_kinds(load(folder, text), [CLAUDE, DEMO])
    first, second = caught.value.problems
    assert first.where == "callboard.yaml:2: kinds.clade"
    assert "Did you mean claude?" in first.remedy
    assert second.where == "callboard.yaml:4: projects.web.kind"
    assert second.remedy.startswith("Did you mean cla")


def test_agent_environment_is_an_allowlist() -> None:
    environ = {name: name.lower() for name in ("HOME", "PATH", "LANG", "LC_ALL", "TERM", "TZ", "USER", "TMPDIR")}
    foreign = dict.fromkeys(
        ("CALLBOARD_TOKEN", "SLACK_BOT_TOKEN", "SMTP_PASSWORD", "DATABASE_URL", "OTHER", "LD_PRELOAD"), "x"
    )
    kind = ResolvedKind("a", ("a",), {"A": "own", "TZ": "UTC"}, ("PASSED", "UNSET", "SLACK_BOT_TOKEN"))
    given_ = agent_environment(kind, {**environ, **foreign, "PASSED": "p"})
    assert given_ == {**environ, "TZ": "UTC", "A": "own", "PASSED": "p"}


def test_bot_variables_are_dropped_even_when_offered() -> None:
    kind = ResolvedKind("a", ("a",), {"DISCORD_TOKEN": "x"}, ("PAGERDUTY_KEY",))
    assert agent_environment(kind, {"PAGERDUTY_KEY": "x", "PATH": "/bin"}) == {"PATH": "/bin"}


def test_secrets_of_agents_are_found() -> None:
    kind = ResolvedKind("a", ("a",), {"A_TOKEN": "token-one"}, ("B_KEY",))
    assert find_kind_secrets([kind], {"B_KEY": "key-two", "C_KEY": "key-three"}) == {"token-one", "key-two"}


def test_kind_is_ready_missing_or_not_signed_in(folder: Path) -> None:
    kind = ResolvedKind("claude", ("claude-acp",), sign_in=CLAUDE.sign_in, pass_env=CLAUDE.env, install="npm i x")
    environ = {"PATH": str(folder / "bin")}
    assert check_kind(kind, environ, folder) == Readiness("missing", "npm i x")
    (folder / "bin").mkdir()
    (folder / "bin/claude-acp").touch(mode=0o755)
    readiness = check_kind(kind, environ, folder)
    assert readiness.state == "not signed in"
    assert readiness.remedy == "Run claude-acp once and sign in, or set ANTHROPIC_API_KEY in .env."
    assert check_kind(kind, {**environ, "ANTHROPIC_API_KEY": "k"}, folder).state == "ready"
    (folder / ".claude.json").touch()
    assert check_kind(kind, environ, folder).state == "ready"


def test_key_that_the_agent_does_not_get_is_no_sign_in(folder: Path) -> None:
    kind = ResolvedKind("a", ("/bin/sh",), sign_in=("SOME_KEY",))
    assert check_kind(kind, {"SOME_KEY": "k"}, folder).state == "not signed in"


def test_projects_are_looked_at(folder: Path) -> None:
    (folder / "good/.git").mkdir(parents=True)
    (folder / "bare/objects").mkdir(parents=True)
    (folder / "bare/HEAD").touch()
    (folder / "plain").mkdir()
    text = "projects:\n" + "".join(f"  {name}: {{path: {name}}}\n" for name in ("good", "bare", "plain", "gone"))
    problems = check_projects(load(folder, text))
    assert [problem.where for problem in problems] == [
        "callboard.yaml:4: projects.plain.path",
        "callboard.yaml:5: projects.gone.path",
    ]
    assert "not a git repository" in problems[0].message
    assert "there is no folder" in problems[1].message


# ------------------------------------------------------------------------------------------------ example and docs


def test_example_in_the_root_is_the_text() -> None:
    assert (ROOT / "callboard.example.yaml").read_text("utf-8") == example_text()


def test_example_is_the_defaults(folder: Path) -> None:
    assert load(folder, example_text()).model_dump() == load(folder, "").model_dump()


def list_keys(value: Any, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    inner = value.items() if isinstance(value, dict) else ()
    return {path}.union(*(list_keys(item, (*path, key)) for key, item in inner))


def test_example_has_every_setting_with_a_remark(folder: Path) -> None:
    lines = [re.sub(r"^#(?=  )", "", line) for line in example_text().splitlines()]
    text = "\n".join(lines)
    read = load(folder, text)
    assert read.project("web").kind == "claude"
    names = {"projects": {"web"}, "kinds": {"claude", "mine"}, "people": {"alice"}}
    present = list_keys(yaml.safe_load(text))
    for path, section in walk_sections(Settings):
        for key in section.model_fields:
            spots = [
                tuple(name if step == "NAME" else step for step in (*path, key))
                for name in names.get(path[0] if path else "", {""})
            ]
            assert any(spot in present for spot in spots), (path, key)
    keys = [index for index, line in enumerate(lines) if re.match(r" *[a-z_]+:", line)]
    bare = [lines[index] for index in keys if "#" not in lines[index - 1] and lines[index].strip() not in NAMED]
    assert bare == []


NAMED = {"web:", "claude:", "mine:", "alice:", 'mode: ""'}


def test_example_of_secrets_is_read(folder: Path) -> None:
    text = (ROOT / ".env.example").read_text("utf-8")
    assert load(folder, None, text).database.get_secret_value() == ""
    assert load(folder, None, re.sub(r"^#(?! )", "", text, flags=re.MULTILINE)).database.get_secret_value()


def test_configuration_page_is_fresh() -> None:
    assert PAGE.read_text("utf-8") == write_configuration(list_sections()), "run: python -m bot.reference"


def test_every_setting_is_described() -> None:
    for path, section in walk_sections(Settings):
        for key, item in section.model_fields.items():
            inner = isinstance(item.annotation, type) and issubclass(item.annotation, Section)
            described = item.description or inner or key in ("projects", "kinds", "people")
            assert described, (path, key)


def test_page_holds_integrations() -> None:
    page = write_configuration({"slack": SlackSettings})
    assert "| `integrations.slack.bot_token` | needed |  | `SLACK_BOT_TOKEN` |" in page
    assert "`CALLBOARD_INTEGRATIONS__SLACK__CHANNEL`" in page


def test_variables_on_the_page_work(folder: Path) -> None:
    values = {"host": "::1", "public_url": "https://x", "level": "debug", "format": "json", "file": "/x"}
    values["trusted_proxies"] = "10.0.0.0/8"
    for name in re.findall(r"`(CALLBOARD_(?:HTTP|LIMITS|KEEP|EVENTS|LOG)__\w+)`", PAGE.read_text("utf-8")):
        section, key = name.removeprefix("CALLBOARD_").lower().split("__")
        read = load(folder, None, "", **{name: values.get(key, "1")})
        assert key in getattr(read, section).model_fields_set, name


# ------------------------------------------------------------------------------------------------ anything at all

KEYS = st.sampled_from(
    [*Settings.model_fields, "web", "path", "kind", "env", "command", "slack", "bot_token", "port", "<<", ""]
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just("$NOPE"), st.just("$HOME")
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)
FRAGMENTS = st.lists(
    st.sampled_from(
        [
            "http:",
            "a",
            ": ",
            "\n",
            "  ",
            "\t",
            "- ",
            "[",
            "]",
            "{",
            "}",
            "&a ",
            "*a",
            "!!str ",
            "|",
            ">",
            "'",
            '"',
            "\\",
            "#",
            "? ",
            "---",
            "...",
            "%YAML 1.1",
            "%TAG ! x",
            "<<: ",
            "projects:\n  web:\n    path: x\n",
            "1",
            "~",
            "\x85",
            "\ufeff",
            "\0",
        ]
    ),
    max_size=30,
).map("".join)
RELAXED = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def load_anything(folder: Path, content: bytes) -> None:
    (folder / "callboard.yaml").write_bytes(content)
    shown = read_or_refuse(folder, TOKENS)
    shown.encode("utf-8")
    assert not any(token in shown for token in TOKENS.values())


def read_or_refuse(folder: Path, environ: dict[str, str]) -> str:
    """What is shown. Any other error goes through and fails the test."""
    try:
        return str(load_settings(None, {"HOME": "/home/ann", **environ}, folder, CLASSES))
    except BadSettings as error:
        return "\n".join([str(error), *(repr(problem) for problem in error.problems)])


@RELAXED
@given(
    st.one_of(
        FRAGMENTS.map(str.encode),
        st.binary(max_size=60),
        st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")),
    )
)
@example(b"%YAML 99999999999999999999.1\n---\na: b")
@example(b'"\\x"')
@example(b"%TAG")
@example(b"\xef\xbb\xbfhttp: {}")
def test_any_text_is_read_or_refused(folder: Path, content: bytes) -> None:
    load_anything(folder, content)


@RELAXED
@given(st.dictionaries(KEYS, TREES, max_size=5))
def test_any_tree_is_read_or_refused(folder: Path, tree: dict[str, Any]) -> None:
    load_anything(folder, yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "replace"))


@RELAXED
@given(
    st.dictionaries(
        st.lists(KEYS.map(str.upper), min_size=1, max_size=4).map(lambda steps: "CALLBOARD_" + "__".join(steps)),
        st.one_of(st.text(max_size=10), st.just("[1]"), st.just('{"a": 1}'), st.just('{"web": {"path": null}}')),
        max_size=3,
    )
)
def test_any_variables_are_read_or_refused(folder: Path, environ: dict[str, str]) -> None:
    assert read_or_refuse(folder, environ)


@RELAXED
@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(
            st.sampled_from(["A", "=", "'", '"', "\n", " ", "#", "export ", "\\", "CALLBOARD_HTTP__PORT"]), max_size=20
        ).map("".join),
    )
)
def test_any_dotenv_is_read_or_refused(folder: Path, text: str) -> None:
    (folder / ".env").write_bytes(text.encode("utf-8", "replace"))
    assert read_or_refuse(folder, {})


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.one_of(st.booleans(), st.integers(-9, 9)), max_size=5
    )
)
def test_plain_yaml_is_what_the_library_reads(tree: dict[str, Any]) -> None:
    assert parse_document(yaml.safe_dump(tree), "x").data == tree
