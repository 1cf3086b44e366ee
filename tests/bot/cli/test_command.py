from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core.home import find_home
from core.version import VERSION
from tests.bot.cli.fake import CODE, ROOT, TOKEN, Bot, make_environ, run_cli, run_here

HOSTILE = "a\x1b[31mred\x1b]0;title\x07\u202egnp.exe\r\x00[bold]x[/bold]"
CARD = {
    "title": f"sample-1 {HOSTILE}",
    "tone": "asking",
    "lines": [HOSTILE],
    "fields": [["Owner", HOSTILE]],
    "code": "+ added\n- removed",
    "buttons": [{"label": "Approve", "command": f"approve sample-1 {HOSTILE}"}],
    "footer": HOSTILE,
}


def test_a_command_goes_through_the_api_and_its_reply_is_shown(bot: Bot, home: Path) -> None:
    bot.replies["send"] = {"text": "Queued.", "data": {"message": "m-1"}}
    done = run_cli(home, "send", "sample-1", "use", "tabs", "--now")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Queued.\n", "")
    method, path, body, headers = bot.calls[-1]
    assert (method, path) == ("POST", "/commands/send")
    assert body == {"arguments": {"agent": "sample-1", "text": "use tabs", "now": True}}
    assert re.fullmatch(r"[0-9a-f-]{36}", headers["Idempotency-Key"])


@pytest.mark.parametrize(
    ("words", "path", "arguments"),
    [
        (["spawn", "sample", "Write a guide"], "spawn", {"project": "sample", "text": "Write a guide"}),
        (["spawn", "Sample it"], "spawn", {"text": "Sample it"}),
        (["spawn", "other", "things", "--kind", "claude"], "spawn", {"text": "other things", "kind": "claude"}),
        (["spawn", "--project", "web", "sample", "it"], "spawn", {"project": "web", "text": "sample it"}),
        (["spawn", "sample it"], "spawn", {"text": "sample it"}),
        (["run", "--", "--odd", "text"], "spawn", {"text": "--odd text"}),
        (["abort", "web-3", "wrong", "idea"], "stop", {"agent": "web-3", "reason": "wrong idea"}),
        (["projects"], "project.list", {}),
        (["project", "list"], "project.list", {}),
        (["approve", "web-3", "--for-agent"], "approve", {"subject": "web-3", "for_agent": True}),
        (["list", "--status", "needs you", "--all"], "list", {"status": "needs you", "all_": True}),
        (["logs", "web-3", "--lines", "5"], "logs", {"agent": "web-3", "lines": 5}),
    ],
)
def test_what_is_typed_is_what_the_api_gets(
    bot: Bot, home: Path, words: list[str], path: str, arguments: dict[str, object]
) -> None:
    bot.replies[path] = {"text": "ok"}
    done = run_here(home, *words)
    assert done.stdout == "ok\n", done.stderr
    assert bot.sent(f"/commands/{path}") == [{"arguments": arguments}]


def test_files_travel_with_their_names(bot: Bot, home: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("words")
    run_here(home, "spawn", "fix it", "--file", str(tmp_path / "notes.txt"))
    assert bot.sent("/commands/spawn")[0]["arguments"]["file"] == [{"name": "notes.txt", "base64": "d29yZHM="}]
    done = run_here(home, "spawn", "fix it", "--file", str(tmp_path / "none"))
    assert (done.returncode, "Cannot read" in done.stderr) == (1, True)
    with (tmp_path / "huge").open("wb") as huge:
        huge.truncate(5_000_001)
    done = run_here(home, "spawn", "fix it", "--file", str(tmp_path / "huge"))
    assert (done.returncode, "larger than 5.0 MB" in done.stderr) == (1, True)


def test_json_is_the_data_of_the_reply(bot: Bot, home: Path) -> None:
    bot.replies["list"] = {"text": "x", "data": {"agents": [HOSTILE]}}
    done = run_here(home, "list", "--json")
    assert json.loads(done.stdout) == {"agents": [HOSTILE]}
    assert "\x1b" not in done.stdout


def test_a_secret_is_shown_in_full_and_in_json(bot: Bot, home: Path) -> None:
    secret = "cb_" + "x" * 120
    bot.replies["send"] = {"text": "Made.", "data": {"token": "t-1"}, "secret": secret}
    assert run_cli(home, "send", "sample-1", "x").stdout == f"Made.\n{secret}\n"
    assert json.loads(run_here(home, "send", "sample-1", "x", "--json").stdout) == {"token": "t-1", "secret": secret}


def test_a_token_of_an_earlier_start_is_no_refusal(bot: Bot, home: Path) -> None:
    """The bot was shot, and run.json still names the old token while the new bot takes the address over."""
    current = (home / "run.json").read_text()
    (home / "run.json").write_text(current.replace(TOKEN, "old"))
    bot.replies["send"] = {"text": "Queued."}

    def start_again() -> None:
        (home / "run.json").write_text(current)

    bot.on_refusal = start_again
    assert run_here(home, "send", "sample-1", "x").stdout == "Queued.\n"
    keys = {headers["Idempotency-Key"] for _, path, _, headers in bot.calls if path == "/commands/send"}
    assert (len(bot.sent("/commands/send")), len(keys)) == (2, 1)
    (home / "run.json").write_text(current.replace(TOKEN, "old"))
    bot.on_refusal = lambda: None
    assert "not known" in run_here(home, "send", "sample-1", "x").stderr


def test_a_refusal_is_quoted_with_its_remedy(bot: Bot, home: Path) -> None:
    bot.problems["/commands/stop"] = (404, {"detail": f"No {HOSTILE}.", "code": "not_found", "remedy": "Try list."})
    done = run_here(home, "stop", "web-9")
    assert done.returncode == 1
    assert "callboard: No ared\\x1b]0;title\\x07\\u202egnp.exe\\x0d\\x00" in done.stderr
    assert "  Try list." in done.stderr
    asked = json.loads(run_here(home, "stop", "web-9", "--json").stdout)
    assert asked["error"]["code"] == "not_found"
    assert asked["error"]["remedy"] == "Try list."


def test_what_failed_for_good_is_not_to_be_tried_again(bot: Bot, home: Path) -> None:
    failed = {"title": "failed", "detail": "git says: no such remote.", "code": "failed", "remedy": ""}
    bot.problems["/commands/send"] = (502, failed)
    assert "gain" not in run_here(home, "send", "sample-1", "x").stderr
    bot.problems["/commands/send"] = (502, {})
    assert "Try again" in run_here(home, "send", "sample-1", "x").stderr


def test_no_bot_is_said_with_how_to_start_it(home: Path) -> None:
    done = run_cli(home, "list")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "callboard: Callboard is not running.\n  Start it with `./callboard up`.\n"
    asked = run_cli(home, "list", "--json")
    assert (asked.returncode, json.loads(asked.stdout)["error"]["code"]) == (2, "not_running")


def test_a_stale_or_damaged_run_file_is_explained(bot: Bot, home: Path) -> None:
    text = (home / "run.json").read_text()
    bot.stop()
    (home / "run.json").write_text(text)
    assert "not running" in run_here(home, "list").stderr
    (home / "run.json").write_text("{")
    done = run_here(home, "list")
    assert (done.returncode, "run.json: This file is damaged" in done.stderr) == (2, True)
    (home / "run.json").write_text('{"url": "ftp://x", "token": ""}')
    assert run_here(home, "list").returncode == 2


def test_the_environment_names_another_bot(bot: Bot, home: Path, tmp_path: Path) -> None:
    bot.replies["list"] = {"text": "there"}
    run = json.loads((home / "run.json").read_text())
    given = {"CALLBOARD_URL": run["url"], "CALLBOARD_TOKEN": run["token"]}
    assert run_cli(tmp_path / "elsewhere", "list", **given).stdout == "there\n"
    done = run_cli(tmp_path / "elsewhere", "list", CALLBOARD_URL=run["url"], CALLBOARD_TOKEN="wrong")
    assert (done.returncode, "That token is not known." in done.stderr) == (1, True)


def test_a_lost_connection_is_retried_with_the_same_key(bot: Bot, home: Path) -> None:
    bot.drop = 2
    done = run_cli(home, "spawn", "fix it")
    assert done.returncode == 0
    keys = [headers["Idempotency-Key"] for method, _, _, headers in bot.calls if method == "POST"]
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_a_bot_that_ends_is_asked_again_with_the_same_key(bot: Bot, home: Path) -> None:
    ending = {"detail": "The bot is ending; this is done after its next start.", "code": "try_again"}
    bot.problems["/commands/spawn"] = (503, ending)
    bot.heals = True
    done = run_cli(home, "spawn", "fix it")
    assert (done.returncode, done.stderr) == (0, "")
    keys = [headers["Idempotency-Key"] for method, _, _, headers in bot.calls if method == "POST"]
    assert (len(keys), len(set(keys))) == (2, 1)
    bot.problems["/commands/spawn"] = (503, {"detail": "The database is locked.", "code": "try_again"})
    assert "The database is locked." in run_cli(home, "spawn", "fix it").stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["abrot"], "Did you mean `./callboard stop`?"),
        (["confg"], "Did you mean `./callboard config`?"),
        (["send"], "Missing argument"),
        (["send", "web", "hi"], "“web” is no agent"),
        (["list", "--nope"], "No such option"),
        (["logs", "web-3", "--lines", "x"], "is no number"),
        (["events", "--since", "soon"], "is no duration"),
        (["spawn", "sample"], "spawn needs TEXT"),
    ],
)
def test_usage_errors_exit_with_2(bot: Bot, home: Path, words: list[str], says: str) -> None:
    done = run_here(home, *words)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_pipes_get_plain_text_without_anything_hostile(bot: Bot, home: Path) -> None:
    table = {"columns": ["Agent", "Task"], "rows": [["sample-1", HOSTILE], ["w", "a\nb"]]}
    attachment = {"name": "a.diff", "text": f"+{HOSTILE}\n-old\n"}
    bot.replies["show"] = {"text": HOSTILE, "cards": [CARD], "table": table, "attachments": [attachment]}
    done = run_cli(home, "show", "sample-1", FORCE_COLOR="1", CLICOLOR_FORCE="1")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", done.stdout)
    assert "[bold]x[/bold]" in done.stdout
    assert "  Approve: ./callboard approve sample-1 ared" in done.stdout
    assert re.search(r"^Agent     Task\nsample-1  ared", done.stdout, re.MULTILINE)
    assert "\nw         a b\n" in done.stdout


def test_a_poor_locale_is_no_crash(bot: Bot, home: Path) -> None:
    bot.replies["list"] = {"text": "naïve → 日本"}
    done = run_cli(home, "list", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.stdout == "na\\xefve \\u2192 \\u65e5\\u672c\n"


def test_a_closed_pipe_is_quiet(bot: Bot, home: Path) -> None:
    bot.replies["list"] = {"text": "line\n" * 50_000}
    argv = ["sh", "-c", f"'{sys.executable}' -c '{CODE}' list | head -n 1"]
    done = subprocess.run(argv, env=make_environ(home), capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("line\n", "")


def test_what_to_do_next_is_said_as_it_is_typed_here(bot: Bot, home: Path) -> None:
    table = {"columns": ["kind", "what to do"], "rows": [["`list`", "`doctor` says, in `copy`"]]}
    bot.replies["list"] = {"text": "`list` is text.", "hint": "`list --all` shows more.", "table": table}
    bot.problems["/commands/stop"] = (409, {"detail": "At it.", "remedy": "`list`, not `copy`.", "code": "conflict"})
    assert run_here(home, "list").stdout == (
        "`list` is text.\n"
        "kind    what to do\n"
        "`list`  `./callboard doctor` says, in `copy`\n"
        "`./callboard list --all` shows more.\n"
    )
    assert run_here(home, "stop", "sample-1").stderr == "callboard: At it.\n  `./callboard list`, not `copy`.\n"


def test_help_names_everything_and_needs_no_bot(home: Path) -> None:
    text = run_cli(home, "--help").stdout
    for verb in ("spawn", "project", "up", "watch", "config"):
        assert f"\n  {verb} " in text
    shown = run_cli(home, "help", "logs")
    assert shown.returncode == 0
    assert "./callboard logs AGENT [OPTIONS]" in shown.stdout
    assert "./callboard logs sample-1 --lines 50" in shown.stdout
    assert run_cli(home, "help").stdout == text


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (("smaple", "Write a guide"), "Did you mean sample?"),
        (("smaple", "write", "docs"), "Did you mean sample?"),
        (("Sample",), "Did you mean sample?"),
        (("fix", "all of it"), "Projects: sample, web."),
    ],
)
def test_a_first_word_that_may_be_a_project_starts_nothing(
    bot: Bot, home: Path, words: tuple[str, ...], remedy: str
) -> None:
    done = run_here(home, "spawn", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"callboard: There is no project “{words[0]}”.\n  {remedy} A task without a project is one quoted text; "
        "a project can be named in front: --project NAME.\n"
    )
    assert bot.sent("/commands/spawn") == []


def test_groups_say_what_they_are_about(home: Path) -> None:
    text = " ".join(run_cli(home, "--help").stdout.split())
    assert "project The repositories in which agents work" in text
    watch = run_cli(home, "watch", "--help").stdout
    assert "watch AGENT [OPTIONS]" in watch
    assert "With --wait" not in watch


def test_help_imports_nothing_heavy(home: Path) -> None:
    code = CODE.replace("raise SystemExit(", "code = (") + (
        "\nprint([name for name in ('rich', 'httpx', 'pydantic', 'sqlalchemy', 'asyncio', 'http.client')"
        " if name in sys.modules], file=sys.stderr)"
    )
    assert run_cli(home, "--help", code=code).stderr == "[]\n"


def test_the_version_is_that_of_the_package(home: Path) -> None:
    assert run_cli(home, "--version").stdout == f"callboard {VERSION}\n"
    assert f'version = "{VERSION}"' in (ROOT / "pyproject.toml").read_text()


def test_completion_asks_the_bot_and_is_silent_without_one(bot: Bot, home: Path) -> None:
    given = {"_CALLBOARD_COMPLETE": "complete_bash", "COMP_CWORD": "2"}
    assert run_cli(home, COMP_WORDS="callboard show sam", **given).stdout.split() == ["sample-1"]
    assert run_cli(home, COMP_WORDS="callboard approve sam", **given).stdout.split() == []
    bot.stop()
    done = run_cli(home, COMP_WORDS="callboard show sam", **given)
    assert (done.stdout.strip(), done.stderr) == ("", "")
    assert "events" in run_cli(home, COMP_WORDS="callboard ev", **(given | {"COMP_CWORD": "1"})).stdout


def test_events_are_followed_as_json_lines(bot: Bot, home: Path) -> None:
    bot.emit("agent.failed", reason="x")
    argv = [sys.executable, "-c", CODE, "events", "--since", "2h", "--kind", "agent.failed", "--follow", "--json"]
    process = subprocess.Popen(argv, env=make_environ(home), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["seq"] == 1
        while not bot.streams:
            bot.emit("bot.started")
        bot.emit("agent.failed", reason="y")
        assert json.loads(process.stdout.readline())["seq"] > 1
        assert bot.streams[0]["kind"] == "agent.failed"
        assert bot.streams[0]["last"] == "1"
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("environ", "home"),
    [
        ({"CALLBOARD_HOME": "/a/b"}, "/a/b"),
        ({"CALLBOARD_HOME": "~/c", "HOME": "/h"}, "/h/c"),
        ({"XDG_DATA_HOME": "/d", "HOME": "/h"}, "/d/callboard"),
        ({"XDG_DATA_HOME": "d", "HOME": "/h"}, "/h/.local/share/callboard"),
    ],
)
def test_home(environ: dict[str, str], home: str) -> None:
    assert find_home(environ, "linux") == Path(home)


def test_home_on_a_mac() -> None:
    assert find_home({"HOME": "/h"}, "darwin") == Path("/h/Library/Application Support/callboard")
