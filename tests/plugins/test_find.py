"""How integrations of other distributions are found, and what is said of those that cannot be used."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.cli import main
from bot.cli.verbs import find_bringers
from bot.parts import find_integrations, find_sections, list_enabled
from core.errors import ConfigurationError
from core.interfaces import Integration
from core.settings import Settings, load_settings
from tests.plugins.wheel import write_plugin

RECORD = "from core.interfaces import *\nrecord = Integration({name!r}, 'What it is about.'{more})\n"
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs distributions beside the others, for one test."""
    known = set(sys.modules)

    def install(package: str, code: str, **entries: str) -> None:
        folder = tmp_path / package
        folder.mkdir()
        module = f"{package.replace('-', '_')}_module"
        write_plugin(
            folder, package, {module: code}, {name: value or f"{module}:record" for name, value in entries.items()}
        )
        monkeypatch.syspath_prepend(folder)

    yield install  # type: ignore[misc]
    for name in [name for name in sys.modules if name not in known and name.endswith("_module")]:
        del sys.modules[name]


def find_one(name: str) -> Integration:
    return next(item for item in find_integrations() if item.name == name)


def read_settings(folder: Path, text: str) -> Settings:
    file = folder / "callboard.yaml"
    file.write_text(text)
    return load_settings(file, {"HOME": str(folder)}, folder, find_sections())


def test_it_comes_after_those_of_the_house_and_is_off(install: Install, tmp_path: Path) -> None:
    install("aa-plugin", RECORD.format(name="aaa", more=""), aaa="")
    assert [item.name for item in find_integrations()][-1] == "aaa"
    assert "aaa" not in [item.name for item in list_enabled(read_settings(tmp_path, ""))]
    assert "aaa" not in [item.name for item in list_enabled(read_settings(tmp_path, "integrations:\n  aaa: false"))]


@pytest.mark.parametrize("section", ["aaa:", "aaa: true", "aaa: {}"])
def test_a_section_turns_it_on(section: str, install: Install, tmp_path: Path) -> None:
    install("aa-plugin", RECORD.format(name="aaa", more=""), aaa="")
    assert list_enabled(read_settings(tmp_path, f"integrations:\n  {section}\n"))[-1].name == "aaa"


def test_a_section_with_a_key_that_it_does_not_know_is_an_error(install: Install, tmp_path: Path) -> None:
    install("aa-plugin", RECORD.format(name="aaa", more=""), aaa="")
    with pytest.raises(ConfigurationError, match=r"integrations\.aaa\.colour"):
        read_settings(tmp_path, "integrations:\n  aaa:\n    colour: red\n")


def test_one_that_is_always_on_needs_no_section(install: Install, tmp_path: Path) -> None:
    install("aa-plugin", RECORD.format(name="aaa", more=", always=True"), aaa="")
    assert list_enabled(read_settings(tmp_path, ""))[-1].name == "aaa"


@pytest.mark.parametrize(
    ("code", "name", "why"),
    [
        ("import no_such_library\n", "aaa", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("raise ValueError('two\\nlines')\n", "aaa", "ValueError: two lines"),
        ("1 / 0\n", "aaa", "ZeroDivisionError"),
        ("class NoLicence(Exception):\n    pass\n\nraise NoLicence('it ran out')\n", "aaa", "NoLicence: it ran out"),
        ("class Quit(BaseException):\n    pass\n\nraise Quit\n", "aaa", "(Quit)"),
        ("def f(:\n", "aaa", "SyntaxError"),
        ("import sys; sys.exit(0)\n", "aaa", "SystemExit"),
        ("other = 1\n", "aaa", "AttributeError"),
        ("record = object()\n", "aaa", "is no core.interfaces.Integration"),
        (RECORD.format(name="bbb", more=""), "aaa", "its record is named 'bbb', its entry point 'aaa'"),
        (RECORD.format(name="a-a", more=""), "a-a", "small letters and digits"),
        (RECORD.format(name="aaa", more=", host=print"), "aaa", "nothing here would use: host"),
        (
            RECORD.format(name="aaa", more=", surveyor=print, oncall=print"),
            "aaa",
            "nothing here would use: surveyor, oncall",
        ),
        (RECORD.format(name="aaa", more=", settings=lambda: dict"), "aaa", "no class of pydantic's"),
        (RECORD.format(name="aaa", more=", settings=lambda: 1 / 0"), "aaa", "ZeroDivisionError"),
        ("from core.errors import PermanentFailure\nraise PermanentFailure('no')\n", "aaa", "PermanentFailure: no"),
    ],
)
def test_one_that_cannot_be_used_is_named(code: str, name: str, why: str, install: Install) -> None:
    install("aa-plugin", code, **{name: ""})
    with pytest.raises(ConfigurationError) as caught:
        find_integrations()
    said = str(caught.value)
    assert said.startswith(f"plugin {name} of aa-plugin 1.0: ")
    assert why in said
    assert said.endswith("Update aa-plugin, or remove it: pip uninstall aa-plugin")
    assert "\n" not in said


def test_a_name_of_the_house_is_taken(install: Install) -> None:
    install("aa-plugin", RECORD.format(name="acp", more=""), acp="")
    with pytest.raises(ConfigurationError, match=r"plugin acp of aa-plugin 1\.0: .* taken by Callboard itself\."):
        find_integrations()


def test_a_name_of_another_plugin_is_taken(install: Install) -> None:
    install("aa-plugin", RECORD.format(name="aaa", more=""), aaa="")
    install("bb-plugin", RECORD.format(name="aaa", more=""), aaa="")
    with pytest.raises(ConfigurationError, match=r"plugin aaa of bb-plugin 1\.0: .* taken by aa-plugin 1\.0\."):
        find_integrations()


def test_an_agent_kind_is_offered_once(install: Install, tmp_path: Path) -> None:
    more = ", kinds=[Kind('claude', ['claude'], 'another one')]"
    install("aa-plugin", RECORD.format(name="aaa", more=more), aaa="")
    assert find_one("aaa")
    assert list_enabled(read_settings(tmp_path, ""))
    with pytest.raises(ConfigurationError, match=r"integrations\.aaa: .* kind claude, and so does acp\. Turn one"):
        list_enabled(read_settings(tmp_path, "integrations:\n  aaa:\n"))


def test_its_verbs_are_found_when_they_are_called(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    verb = "LocalVerb('hello', 'Say hello', run, (Flag('to-whom', 'Whom.', 'NAME'), Flag('loud', 'Shout.')))"
    run = """
def run(errand):
    errand.terminal.say(f"hello {errand.options['to-whom']} {errand.options['loud']} {errand.terminal.is_live}")
    return 0
"""
    install("aa-plugin", run + RECORD.format(name="aaa", more=f", verbs=[{verb}]"), aaa="")
    find_bringers.cache_clear()
    assert main(["aaa", "hello", "--to-whom", "ann", "--loud"]) == 0
    assert capsys.readouterr().out == "hello ann True False\n"
    assert main(["aaa", "--help"]) == 0
    assert "Say hello" in capsys.readouterr().out
    assert main(["aab"]) == 2
    assert "`?" in capsys.readouterr().err
    find_bringers.cache_clear()


def test_help_reads_no_entry_points(tmp_path: Path) -> None:
    """They take as long to read as everything else of `--help`."""
    script = "import importlib.metadata as m; m.entry_points = None; import bot.cli; exit(bot.cli.main(['--help']))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "spawn" in done.stdout


@pytest.mark.parametrize("words", [["up", "--port", "0"], ["config", "check"]])
def test_the_bot_does_not_start_with_one_that_is_broken(words: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    write_plugin(folder, "aa-plugin", {"aa": "import no_such_library\n"}, {"aaa": "aa:record"})
    root = str(Path(__file__).parent.parent.parent)
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "PYTHONPATH": f"{root}:{folder}",
        "CALLBOARD_HOME": str(tmp_path),
    }
    command = [sys.executable, "-m", "bot", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert "Traceback" not in done.stderr
    assert "plugin aaa of aa-plugin 1.0: it cannot be imported" in " ".join(lines)
    assert len(lines) <= 3, lines
