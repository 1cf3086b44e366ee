"""The demo agent, seen by the acp library."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import acp
import pytest
from acp import schema

from core.prompts import write_prompt
from integrations.demo import integration
from integrations.local.sample import FILES as SAMPLE

Start = Any


def allow() -> schema.RequestPermissionResponse:
    return pick("allow")


def pick(option: str) -> schema.RequestPermissionResponse:
    return schema.RequestPermissionResponse(outcome=schema.AllowedOutcome(option_id=option, outcome="selected"))


async def play(agent: Any, text: str, *answers: Any) -> Any:
    await agent.open()
    agent.person.answers.extend(answers)
    return await agent.prompt(text)


def test_record_names_one_scripted_kind() -> None:
    (kind,) = integration.kinds
    assert (kind.name, kind.scripted, kind.about) == ("demo", True, "scripted, no model")
    assert kind.command[1:3] == ("-I", "-S")


async def test_handshake_says_what_it_can(start: Start) -> None:
    async with start() as agent:
        assert agent.hello.agent_info.title == "Demo agent (scripted, no model)"
        assert agent.hello.agent_capabilities.load_session is True
        assert agent.hello.agent_capabilities.session_capabilities.resume is not None


async def test_no_load_declares_it_and_refuses(start: Start) -> None:
    async with start("--no-load") as agent:
        assert agent.hello.agent_capabilities.load_session is False
        assert agent.hello.agent_capabilities.session_capabilities.resume is None
        with pytest.raises(acp.RequestError) as caught:
            await agent.open(load="demo-0123456789abcdef")
        assert caught.value.code == -32601


async def test_default_task_writes_guide_and_asks_to_run_the_tests(start: Start, folder: Path) -> None:
    (folder / "test_it.py").write_text("import unittest\nclass T(unittest.TestCase):\n  def test_it(self): pass\n")
    async with start() as agent:
        ended = await play(agent, "Write a CONTRIBUTING guide", allow())
        person = agent.person
    assert ended.stop_reason == "end_turn"
    assert "`test_it.py`" in (folder / "CONTRIBUTING.md").read_text()
    (ask,) = person.asks
    assert ask["kind"] == "execute"
    assert ask["rawInput"] == {"command": "python3 -m unittest", "cwd": str(folder)}
    assert "$ python3 -m unittest" in ask["content"][0]["content"]["text"]
    plans = [update for update in person.updates if update.session_update == "plan"]
    assert [entry.status for entry in plans[0].entries] == ["in_progress", "pending", "pending"]
    assert [entry.status for entry in plans[-1].entries] == ["completed"] * 3
    assert "scripted, no model" in person.texts()
    assert "I wrote CONTRIBUTING.md; I ran `python3 -m unittest`: exit code 0." in person.texts()
    assert sorted(path.name for path in folder.iterdir()) == ["CONTRIBUTING.md", "test_it.py"]


@pytest.mark.parametrize(
    ("task", "changed", "code"),
    [("Fix the failing test", ["tally.py"], 0), ("Write a CONTRIBUTING guide", ["CONTRIBUTING.md"], 1)],
)
async def test_sample_project(start: Start, folder: Path, task: str, changed: list[str], code: int) -> None:
    for name, text in SAMPLE.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    async with start() as agent:
        await play(agent, task, allow())
        assert f"I ran `python3 -m unittest discover tests`: exit code {code}." in agent.person.texts()
        assert len(agent.person.asks) == 1
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert [name for name in files if SAMPLE.get(name) != (folder / name).read_text()] == [*changed]


async def test_output_of_a_command_is_shown(start: Start) -> None:
    async with start() as agent:
        await play(agent, "run `echo hello  there`", allow())
        last = [update for update in agent.person.updates if update.session_update == "tool_call_update"][-1]
    assert last.status == "completed"
    assert last.content[0].content.text == "hello there\n\nexit code 0"


async def test_long_output_is_cut_and_says_so(start: Start) -> None:
    async with start() as agent:
        await play(agent, "run `seq 100000`", allow())
        last = [update for update in agent.person.updates if update.session_update == "tool_call_update"][-1]
    text = last.content[0].content.text
    assert text.startswith("[580895 characters left out]\n")
    assert text.endswith("\n100000\n\nexit code 0")
    assert len(text) < 8_100


async def test_missing_command_is_told(start: Start) -> None:
    async with start() as agent:
        ended = await play(agent, "run `no-such-command-here`; run `'`", allow(), allow())
        assert ended.stop_reason == "end_turn"
        assert agent.person.texts().count("exit code -1") == 2


async def test_denied_command_is_not_run(start: Start, folder: Path) -> None:
    async with start() as agent:
        ended = await play(agent, "run `touch made`", pick("reject"))
        assert ended.stop_reason == "end_turn"
        assert "I will not run `touch made`." in agent.person.texts()
    assert not (folder / "made").exists()


@pytest.mark.parametrize(
    ("outcome", "told", "heard"),
    [
        ("selected", {"reason": "not on a Friday"}, "You said: not on a Friday"),
        ("cancelled", {"outcome": "no answer"}, "Nobody answered."),
        ("cancelled", {}, "I will not run `touch made`."),
    ],
)
async def test_what_goes_with_a_denial_is_heard(
    start: Start, folder: Path, outcome: str, told: dict[str, str], heard: str
) -> None:
    async with start() as agent:
        said = {"outcome": outcome, **({"optionId": "reject"} if outcome == "selected" else {})}
        answer = schema.RequestPermissionResponse.model_validate({"outcome": said, "_meta": {"callboard": told}})
        assert (await play(agent, "run `touch made`", answer)).stop_reason == "end_turn"
        assert heard in agent.person.texts()
    assert not (folder / "made").exists()


async def test_insist_asks_the_same_once_more(start: Start, folder: Path) -> None:
    async with start() as agent:
        await play(agent, "insist: run `touch made`", pick("reject"), allow())
        first, second = agent.person.asks
    assert first == second
    assert (folder / "made").exists()


@pytest.mark.parametrize(("option", "runs"), [("allow-always", True), ("reject-always", False)])
async def test_always_is_asked_once(start: Start, folder: Path, option: str, runs: bool) -> None:
    async with start() as agent:
        await play(agent, "run `touch made`; run `touch made`", pick(option))
        assert len(agent.person.asks) == 1
    assert (folder / "made").exists() is runs


async def test_carefully_edit_asks_with_the_diff(start: Start, folder: Path) -> None:
    (folder / "a.txt").write_text("one\n")
    async with start() as agent:
        await play(agent, "carefully edit a.txt; edit ../b.txt; edit .git/config", allow())
        (ask,) = agent.person.asks
        assert agent.person.texts().count("outside of my folder") == 2
    assert ask["content"][0]["oldText"] == "one\n"
    assert ask["locations"] == [{"path": str(folder / "a.txt")}]
    assert (folder / "a.txt").read_text() == "one\nEdited by the demo agent (scripted, no model).\n"
    assert not (folder.parent / "b.txt").exists()


async def test_question_by_form(start: Start) -> None:
    async with start(elicitation=True) as agent:
        answer = schema.AcceptElicitationResponse(action="accept", content={"answer": "green"})
        await play(agent, "ask Which colour? options red, green, blue", answer)
        ((message, form),) = agent.person.forms
        assert message == "Which colour?"
        assert [option.const for option in form.properties["answer"].one_of] == ["red", "green", "blue"]
        assert "Your answer to “Which colour?”: green" in agent.person.texts()


async def test_question_with_more_fields(start: Start) -> None:
    async with start(elicitation=True) as agent:
        content = {"answer": "a", "count": 3, "sure": True}
        answer = schema.AcceptElicitationResponse(action="accept", content=content)
        await play(agent, "ask with fields: Which? options a, b", answer)
        assert set(agent.person.forms[0][1].properties) == {"answer", "count", "sure"}
        assert "'count': 3" in agent.person.texts()


async def test_declined_question_goes_on(start: Start) -> None:
    async with start(elicitation=True) as agent:
        ended = await play(agent, "ask Which?", schema.DeclineElicitationResponse(action="decline"))
        assert ended.stop_reason == "end_turn"
        assert "“Which?”: You answered decline. So I go on without." in agent.person.texts()


@pytest.mark.parametrize(("switches", "offers"), [((), False), (("--no-elicitation",), True)])
async def test_question_without_a_way_says_so(start: Start, switches: tuple[str, ...], offers: bool) -> None:
    async with start(*switches, elicitation=offers) as agent:
        await play(agent, "ask Which? options a, b")
        assert "I cannot ask" in agent.person.texts()
        assert agent.person.asks == []


TOOL_SERVER = """
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if not {"id", "method"} <= set(message):
        continue
    if message["method"] == "initialize":
        result = {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": "t", "version": "1"}}
    elif message["method"] == "tools/list":
        result = {"tools": [{"name": "ask_human", "inputSchema": {"type": "object", "required": ["question"]}},
                            {"name": "report", "inputSchema": {"type": "object", "required": ["message"]}}]}
    else:
        open(sys.argv[1], "a").write(json.dumps(message["params"]) + "\\n")
        if "wait" in json.dumps(message["params"]):
            continue
        print("noise that is no JSON", json.dumps({"jsonrpc": "2.0", "id": 7, "method": "roots/list"}), sep="\\n")
        result = {"content": [{"type": "text", "text": "blue"}]}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"""


@pytest.fixture
def server(tmp_path: Path) -> schema.McpServerStdio:
    program = tmp_path / "server.py"
    program.write_text(TOOL_SERVER)
    args = ["-I", "-S", str(program), str(tmp_path / "calls")]
    return schema.McpServerStdio(name="board", command=sys.executable, args=args, env=[])


async def test_question_by_tool_and_report(start: Start, server: Any, tmp_path: Path) -> None:
    async with start(elicitation=True) as agent:
        await agent.open([server])
        await agent.prompt("ask by tool Which colour? options red, blue; report half way")
        assert "Your answer to “Which colour?”: blue" in agent.person.texts()
        assert agent.person.forms == []
    calls = (tmp_path / "calls").read_text()
    assert '{"question": "Which colour?", "options": ["red", "blue"]}' in calls
    assert '{"name": "report", "arguments": {"message": "half way"}}' in calls


async def test_cancel_while_a_tool_waits_for_a_person(start: Start, server: Any, tmp_path: Path) -> None:
    async with start() as agent:
        await agent.open([server])
        turn = agent.start("ask Shall I wait?")
        await wait_for((tmp_path / "calls").exists)
        await agent.cancel()
        assert (await turn).stop_reason == "cancelled"
        assert agent.person.updates[-1].status == "failed"
        assert (await agent.prompt("ask And now?")).stop_reason == "end_turn"
        assert "blue" in agent.person.texts()


@pytest.mark.parametrize("broken", ["/nowhere/at-all", "true"])
async def test_broken_tool_server_is_told(start: Start, broken: str) -> None:
    async with start() as agent:
        await agent.open([schema.McpServerStdio(name="board", command=broken, args=[], env=[])])
        assert (await agent.prompt("report something")).stop_reason == "end_turn"
        assert "tool server" in agent.person.texts()


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("take 5 minutes", "thought"),
        ("say go; stall", "go"),
        ("idle", "Idle"),
        ("say go; run `sleep 60`", "asks"),
        ("updates 100000000", "small"),
        ("flood 100000 MB", "fox"),
    ],
)
async def test_cancel_ends_the_turn_at_once(start: Start, words: str, shown: str) -> None:
    async with start() as agent:
        await agent.open()
        person = agent.person
        turn = agent.start(words)
        if shown == "thought":
            await person.until(lambda: bool(person.updates))
        elif shown == "asks":
            await person.until(lambda: bool(person.asks))
        else:
            await person.until(lambda: shown in person.texts())
        began = asyncio.get_running_loop().time()
        await agent.cancel()
        async with asyncio.timeout(10):
            assert (await turn).stop_reason == "cancelled"
        if "0000" not in words:  # there the time is what the client takes to read what was already sent
            assert asyncio.get_running_loop().time() - began < 0.5
        assert (await agent.prompt("say still there")).stop_reason == "end_turn"


async def test_cancel_kills_the_running_command(start: Start, folder: Path) -> None:
    async with start() as agent:
        await agent.open()
        agent.person.answers.append(allow())
        turn = agent.start("run `sh -c 'sleep 61.5 & echo $! > pid; wait'`")
        await wait_for(lambda: (folder / "pid").exists() and (folder / "pid").read_text().endswith("\n"))
        await agent.cancel()
        assert (await turn).stop_reason == "cancelled"
        await wait_for(lambda: not is_running(int((folder / "pid").read_text())))


async def wait_for(holds: Any) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


def is_running(number: int) -> bool:
    stat = Path(f"/proc/{number}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


async def test_cancel_answers_prompts_that_wait(start: Start) -> None:
    async with start() as agent:
        await agent.open()
        first, second = agent.start("say go; stall"), agent.start("say never")
        await agent.person.until(lambda: "go" in agent.person.texts())
        await agent.cancel()
        assert [(await first).stop_reason, (await second).stop_reason] == ["cancelled"] * 2
        assert "never" not in agent.person.texts()


async def test_prompts_wait_in_line(start: Start) -> None:
    async with start() as agent:
        await agent.open()
        turns = [agent.start(f"say number {number}") for number in range(3)]
        await asyncio.gather(*turns)
        said = agent.person.texts()
        assert said.index("number 0") < said.index("number 1") < said.index("number 2")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("refuse", "refusal"),
        ("run out of tokens", "max_tokens"),
        ("run out of turns", "max_turn_requests"),
        ("spawn child", "end_turn"),
    ],
)
async def test_stop_reasons(start: Start, words: str, reason: str) -> None:
    async with start() as agent:
        assert (await play(agent, words)).stop_reason == reason
        if "child" in words:
            number = int(agent.person.texts().partition("process ")[2].partition(".")[0])
            assert is_running(number)
            os.kill(number, signal.SIGKILL)


async def test_fail_is_an_error_of_the_prompt(start: Start) -> None:
    async with start() as agent:
        with pytest.raises(acp.RequestError, match="no quota left"):
            await play(agent, "say hello; fail with no quota left")
        assert (await agent.prompt("say again")).stop_reason == "end_turn"


@pytest.mark.parametrize(("words", "code"), [("crash", 3), ("crash by signal", -9)])
async def test_crash_comes_each_time(start: Start, words: str, code: int) -> None:
    for _ in range(2):
        async with start() as agent:
            with pytest.raises(ConnectionError):
                await play(agent, words)
            assert await agent.process.wait() == code
            assert "about to crash" in agent.person.texts()


@pytest.mark.parametrize("switches", [(), ("--no-load",)])
async def test_crash_once(start: Start, switches: tuple[str, ...], folder: Path) -> None:
    words = "edit a.txt; crash once; edit b.txt"
    async with start(*switches) as agent:
        with pytest.raises(ConnectionError):
            await play(agent, words)
        session = agent.session
    async with start(*switches) as agent:
        await agent.open(load="" if switches else session)
        await agent.prompt(words if switches else write_prompt(words, interrupted=True, how="loaded", earlier=[]))
    assert (folder / "b.txt").exists()
    assert (folder / "a.txt").read_text().count("Edited") == 1


async def test_hang_ignores_cancel(start: Start) -> None:
    async with start() as agent:
        await agent.open()
        turn = agent.start("hang")
        await agent.person.until(lambda: "hang now" in agent.person.texts("agent_thought_chunk"))
        await agent.cancel()
        done, _ = await asyncio.wait([turn], timeout=0.3)
        assert not done
        agent.process.terminate()
        assert await agent.process.wait() == -15
        with pytest.raises(ConnectionError):
            await turn


async def test_costs_add_up_over_turns(start: Start) -> None:
    async with start() as agent:
        first = await play(agent, "use cost 0.42, use tokens 1200")
        await agent.prompt("use cost $0.08; cost unknown")
        spent = [update for update in agent.person.updates if update.session_update == "usage_update"]
    assert first.usage.total_tokens == 1200
    assert [update.cost and update.cost.amount for update in spent] == [0.42, None, 0.5, None]
    assert [update.used for update in spent] == [0, 1200, 1200, 1200]


async def test_flood_is_as_large_as_asked(start: Start) -> None:
    async with start() as agent:
        await play(agent, "flood 1 MB; flood stderr 0.2 MB")
        size = len(agent.person.texts())
        size += sum(len(update.content[0].content.text) for update in agent.person.updates if is_output(update))
    assert 1_000_000 <= size < 1_000_400


def is_output(update: Any) -> bool:
    return bool(update.session_update == "tool_call_update" and update.content)


async def test_updates_are_counted(start: Start) -> None:
    async with start() as agent:
        await play(agent, "updates 1000")
        assert agent.person.texts().count("A small update.") == 1000


async def test_junk_does_not_end_the_turn(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    async with start(strict=False) as agent:
        assert (await play(agent, "junk; junk usage")).stop_reason == "end_turn"
        assert agent.person.texts().count("After the junk.") == 2
    assert caplog.records


async def test_secrets_and_control_characters_come_through(start: Start, tmp_path: Path) -> None:
    async with start() as agent:
        await play(agent, "secret; ansi; env")
        said = agent.person.texts()
    assert "AKIA" in said
    assert "\x1b[31mred" in said
    assert "Environment: CALLBOARD_STATE HOME" in said
    assert "xoxb-" in (tmp_path / "stderr").read_text()


async def test_commit(start: Start, folder: Path) -> None:
    await run_git(folder, "init", "-q")
    async with start() as agent:
        await play(agent, "edit a.txt; commit; commit")
        assert "Committed." in agent.person.texts()
        assert "Nothing was committed" in agent.person.texts()
    assert await run_git(folder, "log", "--format=%an %s") == "Demo agent demo: Do as the words say.\n"


async def run_git(folder: Path, *words: str) -> str:
    process = await asyncio.create_subprocess_exec("git", "-C", str(folder), *words, stdout=-1)
    output, _ = await asyncio.wait_for(process.communicate(), 20)
    return output.decode()


async def test_follow_up_is_light(start: Start, folder: Path) -> None:
    async with start() as agent:
        await play(agent, "say hello")
        await agent.prompt("Thanks, what did you do?")
        assert agent.person.asks == []
    assert (folder / "NOTES.md").read_text() == "- Thanks, what did you do?\n"


# ------------------------------------------------------------------------------------------------- modes and models


async def test_modes_and_models(start: Start, folder: Path) -> None:
    async with start() as agent:
        opened = await agent.open()
        assert [mode.id for mode in opened.modes.available_modes] == ["code", "plan"]
        assert [option.category for option in opened.config_options] == ["mode", "model"]
        changed = await agent.connection.set_config_option("model", agent.session, "demo-large")
        assert [option.current_value for option in changed.config_options] == ["code", "demo-large"]
        await agent.connection.set_session_mode(agent.session, "plan")
        await agent.prompt("edit a.txt")
        with pytest.raises(acp.RequestError, match="demo-small, demo-large"):
            await agent.connection.set_config_option("model", agent.session, "gpt")
    assert list(folder.iterdir()) == []


async def test_switches(start: Start) -> None:
    async with start("--no-modes", "--no-models") as agent:
        opened = await agent.open()
        assert opened.modes is None
        assert opened.config_options == []
    async with start("--signed-out") as agent:
        with pytest.raises(acp.RequestError) as caught:
            await agent.open()
        assert caught.value.code == -32000


async def test_switch_of_mode_is_told(start: Start) -> None:
    async with start() as agent:
        await play(agent, "switch to mode plan; commands")
        kinds = [update.session_update for update in agent.person.updates]
    assert "current_mode_update" in kinds
    assert "available_commands_update" in kinds


# ---------------------------------------------------------------------------------------------------------- loading


async def test_load_replays_and_asks_the_same(start: Start, folder: Path) -> None:
    words = "edit a.txt; run `touch made`; say bye"
    async with start() as agent:
        await agent.open()
        agent.start(words).add_done_callback(lambda turn: turn.exception())
        await agent.person.until(lambda: bool(agent.person.asks))
        session, asks = agent.session, agent.person.asks
        agent.process.kill()
        await agent.process.wait()
    (folder / "a.txt").unlink()
    async with start() as agent:
        await agent.open(load=session)
        replayed = [update.session_update for update in agent.person.updates]
        assert replayed == ["user_message_chunk", "tool_call", "tool_call_update"]
        agent.person.answers.append(allow())
        ended = await agent.prompt(f"You were interrupted. Your task was:\n\n{words}")
        assert agent.person.asks == asks
        assert ended.stop_reason == "end_turn"
        assert "bye" in agent.person.texts()
    assert (folder / "made").exists()
    assert not (folder / "a.txt").exists()


async def test_rebuilt_session_asks_the_same(start: Start, folder: Path) -> None:
    words, asks = "edit a.txt; run `touch made`", []
    for _ in range(2):
        async with start("--no-load") as agent:
            await agent.open()
            agent.start(words).add_done_callback(lambda turn: turn.exception())
            await agent.person.until(lambda agent=agent: bool(agent.person.asks))
            asks += agent.person.asks
    assert asks[0] == asks[1]
    assert (folder / "a.txt").read_text().count("Edited") == 1


@pytest.mark.parametrize("switches", [(), ("--no-load",)])
async def test_restart_with_the_words_of_the_house(start: Start, folder: Path, switches: tuple[str, ...]) -> None:
    words, asks, session = "edit a.txt; run `touch made`; note it", [], ""
    for attempt in range(2):
        async with start(*switches) as agent:
            await agent.open(load=session)
            how = "rebuilt" if switches else "loaded"
            text = write_prompt(words, interrupted=attempt > 0, how=how, earlier=["say too much"])
            agent.start(text).add_done_callback(lambda turn: turn.exception())
            await agent.person.until(lambda agent=agent: bool(agent.person.asks))
            asks += agent.person.asks
            session = "" if switches else agent.session
            assert "too much" not in agent.person.texts()
    assert asks[0] == asks[1]


async def test_message_that_was_lost_in_the_break_is_played(start: Start, folder: Path) -> None:
    async with start() as agent:
        await play(agent, "edit a.txt")
        session = agent.session
    async with start() as agent:
        await agent.open(load=session)
        await agent.prompt(write_prompt("edit b.txt", interrupted=True, how="loaded", earlier=["edit a.txt"]))
    assert (folder / "b.txt").exists()


async def test_message_to_a_rebuilt_session_is_light(start: Start, folder: Path) -> None:
    async with start("--no-load") as agent:
        await play(agent, write_prompt("Thanks", interrupted=False, how="rebuilt", earlier=["run `touch made`"]))
        assert agent.person.asks == []
    assert (folder / "NOTES.md").read_text() == "- Thanks\n"


async def test_resume_goes_on_without_replay(start: Start) -> None:
    async with start() as agent:
        await play(agent, "say hello")
        session = agent.session
    async with start() as agent:
        await agent.connection.resume_session(session, str(agent.folder))
        agent.session = session
        assert agent.person.updates == []
        await agent.prompt("You were interrupted.")
        assert agent.person.texts() == ""


@pytest.mark.parametrize("session", ["demo-0123456789abcdef", "../../etc/passwd", ""])
async def test_unknown_session_is_refused(start: Start, session: str) -> None:
    async with start() as agent:
        with pytest.raises(acp.RequestError, match="no session"):
            await agent.connection.load_session(str(agent.folder), session)


async def test_close_forgets_the_session(start: Start) -> None:
    async with start() as agent:
        await agent.open()
        turn = agent.start("say go; stall")
        await agent.person.until(lambda: "go" in agent.person.texts())
        await agent.connection.close_session(agent.session)
        assert (await turn).stop_reason == "cancelled"
        with pytest.raises(acp.RequestError, match="no session"):
            await agent.prompt("say more")


async def test_state_that_cannot_be_written_costs_only_the_load(start: Start, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    async with start() as agent:
        assert (await play(agent, "say hello")).stop_reason == "end_turn"
    assert "cannot be stored" in (tmp_path / "stderr").read_text()
