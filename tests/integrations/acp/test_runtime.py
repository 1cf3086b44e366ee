"""The runtime against scripted agents: the way in, turns, and everything that agents do wrong."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from core.errors import PermanentFailure
from core.interfaces import ToolServer
from core.model import RequestKind, Verdict
from integrations.acp.handshake import Limits
from tests.integrations.acp.fake import LIMITS, LOADING, Line, Recorder, always, draw_line


async def prompt(line: Line, session: Any, script: Any, text: str = "go") -> Any:
    return (await line.play(session.prompt(text), script))[0]


# -------------------------------------------------------------------------------------------------------- the way in


async def test_a_new_session_is_opened_with_the_tools(line: Line) -> None:
    tool = ToolServer("callboard", ("python", "-I", "server.py"), {"TOKEN": "t"})
    session = await line.open(line.agent.begin(), tools=(tool,))
    assert (session.id, session.how) == ("s-1", "new")
    hello, new = line.agent.seen
    assert hello["params"]["protocolVersion"] == 1
    assert hello["params"]["clientCapabilities"] == {
        "fs": {"readTextFile": False, "writeTextFile": False},
        "terminal": False,
        "elicitation": {"form": {}},
    }
    server = {"name": "callboard", "command": "python", "args": ["-I", "server.py"]}
    assert new["params"] == {"cwd": "/w", "mcpServers": [{**server, "env": [{"name": "TOKEN", "value": "t"}]}]}
    line.agent.leave()


async def test_loading_hears_nothing_of_the_replay(line: Line, recorder: Recorder) -> None:
    async def script() -> None:
        await line.agent.greet(**LOADING)
        request = await line.agent.expect("session/load")
        assert request["params"] == {"sessionId": "s-1", "cwd": "/w", "mcpServers": []}
        for number in range(100):
            line.agent.speak(f"old {number}")
        line.agent.reply(request, None)
        line.agent.speak("new")
        await line.agent.end()

    agent = asyncio.create_task(script())
    session = await line.open(asyncio.sleep(0), session="s-1")
    await session.prompt("go")
    await agent
    assert (session.id, session.how) == ("s-1", "loaded")
    assert recorder.heard == [("message", {"text": "new"})]
    line.agent.leave()


async def test_resume_is_used_where_load_is_not_offered(line: Line) -> None:
    async def script() -> None:
        await line.agent.greet(agentCapabilities={"loadSession": False, "sessionCapabilities": {"resume": {}}})
        line.agent.reply(await line.agent.expect("session/resume"), {})

    assert (await line.open(script(), session="s-1")).how == "loaded"
    line.agent.leave()


@pytest.mark.parametrize("data", [None, "no such session", {"details": "no such session"}])
async def test_a_session_that_cannot_be_loaded_is_rebuilt(line: Line, recorder: Recorder, data: Any) -> None:
    async def script() -> None:
        await line.agent.greet(**LOADING)
        request = await line.agent.expect("session/load")
        line.agent.speak("old", session="s-0")
        line.agent.refuse(request, -32002, "Resource not found", data)
        request = await line.agent.expect("session/new")
        line.agent.speak("late", session="s-0")
        line.agent.reply(request, {"sessionId": "s-1"})
        line.agent.speak("later", session="s-0")
        line.agent.speak("new")
        await line.agent.end()

    agent = asyncio.create_task(script())
    session = await line.open(asyncio.sleep(0), session="s-0")
    await session.prompt("go")
    await agent
    assert (session.id, session.how) == ("s-1", "rebuilt")
    assert recorder.list_texts() == ["new"]
    assert "Resource not found" in recorder.list_texts("note")[0]
    line.agent.leave()


async def test_an_agent_that_cannot_load_is_rebuilt(line: Line, recorder: Recorder) -> None:
    assert (await line.open(line.agent.begin(), session="s-0")).how == "rebuilt"
    assert "cannot load" in recorder.list_texts("note")[0]
    line.agent.leave()


async def test_a_load_without_end_is_rebuilt(quiet: None) -> None:
    async with draw_line(limits=Limits(greet=5, enter=0.2, choose=5, send=5)) as line:

        async def script() -> None:
            await line.agent.greet(**LOADING)
            await line.agent.expect("session/load")
            line.agent.reply(await line.agent.expect("session/new"), {"sessionId": "s-1"})

        assert (await line.open(script(), session="s-0")).how == "rebuilt"


@pytest.mark.parametrize("slow", ["initialize", "session/new"])
async def test_a_slow_handshake_ends(quiet: None, slow: str) -> None:
    async with draw_line(limits=Limits(greet=0.1, enter=0.1, choose=0.1, send=0.1)) as line:

        async def script() -> None:
            if slow == "session/new":
                await line.agent.greet()
            await line.agent.expect(slow)

        with pytest.RaisesGroup(pytest.RaisesExc(PermanentFailure, match=f"did not answer {slow} within 0.1 s")):
            await line.open(script())


async def test_another_version_is_refused(line: Line) -> None:
    async def script() -> None:
        line.agent.reply(await line.agent.expect("initialize"), {"protocolVersion": 2})

    with pytest.RaisesGroup(pytest.RaisesExc(PermanentFailure, match="speaks ACP version 2; version 1 is needed")):
        await line.open(script())


async def test_who_is_not_signed_in_is_told_how(line: Line) -> None:
    methods = [{"id": "oauth", "name": "Log in with Google"}, {"id": "key", "name": "Use an API key"}]

    async def script() -> None:
        await line.agent.greet(authMethods=methods)
        line.agent.refuse(await line.agent.expect("session/new"), -32000, "Authentication required")

    with pytest.RaisesGroup(PermanentFailure) as raised:
        await line.open(script())
    failure = raised.value.exceptions[0]
    assert isinstance(failure, PermanentFailure)
    assert failure.remedy == "sign in: Log in with Google, Use an API key."


@pytest.mark.parametrize("works", [True, False])
async def test_variables_that_are_set_sign_in(line: Line, works: bool) -> None:
    methods = [
        {"id": "browser", "name": "Browser"},
        {"id": "key", "name": "Use KEY", "type": "env_var", "vars": [{"name": "KEY"}]},
    ]

    async def script() -> None:
        await line.agent.greet(authMethods=methods)
        line.agent.refuse(await line.agent.expect("session/new"), -32000, "Authentication required")
        request = await line.agent.expect("authenticate")
        assert request["params"] == {"methodId": "key"}
        if not works:
            return line.agent.refuse(request, -32603, "KEY is not set")
        line.agent.reply(request, {})
        return line.agent.reply(await line.agent.expect("session/new"), {"sessionId": "s-1"})

    if works:
        assert (await line.open(script())).how == "new"
        line.agent.leave()
        return
    with pytest.RaisesGroup(pytest.RaisesExc(PermanentFailure, match="sign in: Browser, Use KEY")):
        await line.open(script())


async def test_a_sign_in_that_ran_out_is_told_in_a_turn(line: Line) -> None:
    session = await line.open(line.agent.begin())

    async def script() -> None:
        line.agent.refuse(await line.agent.expect("session/prompt"), -32000, "Authentication required")

    with pytest.RaisesGroup(pytest.RaisesExc(PermanentFailure, match="sign in")):
        await prompt(line, session, script())
    line.agent.leave()


async def test_greet_tells_who_is_there(line: Line) -> None:
    capabilities = {
        "loadSession": True,
        "promptCapabilities": {"image": True, "audio": False},
        "mcpCapabilities": {"http": True},
        "sessionCapabilities": {"resume": {}, "list": None},
    }
    script = line.agent.greet(agentInfo={"name": "x", "version": "1.2"}, agentCapabilities=capabilities)
    handshake = (await line.play(line.runtime.greet(line.reader, line.writer), script))[0]
    assert (handshake.name, handshake.version, handshake.signed_in) == ("x", "1.2", None)
    assert handshake.can == ["load", "resume", "image", "mcp http"]


MODELS = {
    "currentModelId": "a",
    "availableModels": [{"modelId": "a", "name": "Alpha"}, {"modelId": "b", "name": "Beta"}],
}
MODES = {"currentModeId": "ask", "availableModes": [{"id": "ask", "name": "Ask"}, {"id": "code", "name": "Code it"}]}
CONFIG = [
    {
        "id": "llm",
        "name": "Model",
        "type": "select",
        "category": "model",
        "currentValue": "a",
        "options": [{"group": "g", "name": "G", "options": [{"value": "b", "name": "Beta"}]}],
    },
    {
        "id": "mode",
        "name": "Mode",
        "type": "select",
        "currentValue": "x",
        "options": [{"value": "code", "name": "Code"}],
    },
]


@pytest.mark.parametrize(
    ("result", "opening", "method", "params"),
    [
        ({"models": MODELS}, {"model": "BETA"}, "session/set_model", {"modelId": "b"}),
        ({"modes": MODES}, {"mode": "code it"}, "session/set_mode", {"modeId": "code"}),
        (
            {"configOptions": CONFIG, "models": MODELS},
            {"model": "beta"},
            "session/set_config_option",
            {"configId": "llm", "value": "b"},
        ),
        (
            {"configOptions": CONFIG},
            {"mode": "code"},
            "session/set_config_option",
            {"configId": "mode", "value": "code"},
        ),
    ],
)
async def test_model_and_mode_are_chosen(line: Line, result: Any, opening: Any, method: str, params: Any) -> None:
    async def script() -> None:
        await line.agent.begin(**result)
        request = await line.agent.expect(method)
        assert request["params"] == {"sessionId": "s-1", **params}
        line.agent.reply(request, {})

    await line.open(script(), **opening)
    line.agent.leave()


@pytest.mark.parametrize(
    ("result", "told"),
    [({"models": MODELS}, "has no model 'gamma'. Offered: a, b."), ({}, "It offers no choice of model.")],
)
async def test_an_unknown_model_names_what_is_offered(line: Line, result: Any, told: str) -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(PermanentFailure, match=told)):
        await line.open(line.agent.begin(**result), model="gamma")


async def test_a_loaded_session_that_tells_no_models_goes_on(line: Line, recorder: Recorder) -> None:
    async def script() -> None:
        await line.agent.greet(**LOADING)
        line.agent.reply(await line.agent.expect("session/load"), None)

    assert (await line.open(script(), session="s-1", model="b")).how == "loaded"
    assert "does not say which model" in recorder.list_texts("note")[0]
    line.agent.leave()


# -------------------------------------------------------------------------------------------------------------- turns


async def test_a_turn_ends_with_its_figures(line: Line, recorder: Recorder) -> None:
    session = await line.open(line.agent.begin())

    async def script() -> None:
        request = await line.agent.expect("session/prompt")
        assert request["params"] == {"sessionId": "s-1", "prompt": [{"type": "text", "text": "do it"}]}
        line.agent.update("usage_update", used=10, size=100, cost={"amount": 0.25, "currency": "USD"})
        line.agent.update("usage_update", used=20, size=100)
        usage = {"totalTokens": 1234, "inputTokens": 1000, "outputTokens": 234}
        line.agent.reply(request, {"stopReason": "max_tokens", "usage": usage})

    end = await prompt(line, session, script(), "do it")
    assert (end.stop_reason, end.cost, end.tokens) == ("max_tokens", 0.25, 1234)
    assert recorder.heard == [
        ("usage", {"cost": 0.25, "currency": "USD", "context": 10, "window": 100}),
        ("usage", {"context": 20, "window": 100}),
        ("usage", {"tokens": 1234}),
    ]
    assert (await prompt(line, session, line.agent.end())).cost is None
    line.agent.leave()


async def test_all_updates_are_heard_in_order_before_the_turn_ends(line: Line, recorder: Recorder) -> None:
    session = await line.open(line.agent.begin())

    async def script() -> None:
        request = await line.agent.expect("session/prompt")
        for number in range(5_000):
            line.agent.speak(str(number))
        line.agent.reply(request, {"stopReason": "end_turn"})

    await prompt(line, session, script())
    assert recorder.list_texts() == [str(number) for number in range(5_000)]
    line.agent.leave()


async def test_updates_before_an_error_are_heard(line: Line, recorder: Recorder) -> None:
    session = await line.open(line.agent.begin())

    async def script() -> None:
        request = await line.agent.expect("session/prompt")
        line.agent.speak("nearly")
        line.agent.refuse(request, -32603, "Internal error", {"details": "429 too many requests"})

    with pytest.RaisesGroup(pytest.RaisesExc(PermanentFailure, match="Internal error .429 too many requests")):
        await prompt(line, session, script())
    assert recorder.list_texts() == ["nearly"]
    assert (await prompt(line, session, line.agent.end())).stop_reason == "end_turn"
    line.agent.leave()


async def test_a_turn_without_a_reason_breaks_the_protocol(line: Line) -> None:
    session = await line.open(line.agent.begin())
    with pytest.RaisesGroup(pytest.RaisesExc(PermanentFailure, match="without a reason")):
        await prompt(line, session, line.agent.end(stop=""))
    line.agent.leave()


async def test_two_agents_do_not_mix(quiet: None) -> None:
    async with draw_line() as one, draw_line() as two:
        sessions = await asyncio.gather(one.open(one.agent.begin("s-1")), two.open(two.agent.begin("s-2")))

        async def script(line: Line, session: str) -> None:
            request = await line.agent.expect("session/prompt")
            for number in range(200):
                line.agent.speak(f"{session} {number}", session)
                await asyncio.sleep(0)
            line.agent.reply(request, {"stopReason": "end_turn"})

        await asyncio.gather(prompt(one, sessions[0], script(one, "s-1")), prompt(two, sessions[1], script(two, "s-2")))
        assert one.recorder.list_texts() == [f"s-1 {number}" for number in range(200)]
        assert two.recorder.list_texts() == [f"s-2 {number}" for number in range(200)]


async def test_an_idle_agent_costs_one_task(line: Line) -> None:
    before = asyncio.all_tasks()
    session = await line.open(line.agent.begin())
    assert len(asyncio.all_tasks() - before) == 1
    await session.close()
    assert asyncio.all_tasks() == before


# --------------------------------------------------------------------------------------------------------------- asks


async def test_a_permission_is_asked_and_answered(quiet: None) -> None:
    async with draw_line(Recorder(always(Verdict.ONCE))) as line:
        session = await line.open(line.agent.begin())

        async def script() -> dict[str, Any]:
            request = await line.agent.expect("session/prompt")
            line.agent.ask_permission("perm-7")
            answer = await line.agent.read()
            line.agent.reply(request, {"stopReason": "end_turn"})
            return answer

        _, answer = await line.play(session.prompt("go"), script())
        assert answer["id"] == "perm-7"
        assert answer["result"] == {"outcome": {"outcome": "selected", "optionId": "yes"}}
        (ask,) = line.recorder.asked
        assert (ask.kind, ask.title, ask.tool) == (RequestKind.PERMISSION, "rm -rf build", "execute")
        assert ask.detail["command"] == "rm -rf build"


async def test_a_permission_knows_what_was_told_of_its_call(quiet: None) -> None:
    async with draw_line(Recorder(always(Verdict.DENIED, text="not now"))) as line:
        session = await line.open(line.agent.begin())

        async def script() -> dict[str, Any]:
            request = await line.agent.expect("session/prompt")
            line.agent.update(
                "tool_call", toolCallId="c-9", title="Push", kind="execute", rawInput={"command": "git push"}
            )
            line.agent.update("tool_call_update", toolCallId="c-9", rawInput={"command": "git push -f"})
            line.agent.ask_permission(call={"toolCallId": "c-9"})
            answer = await line.agent.read()
            line.agent.reply(request, {"stopReason": "end_turn"})
            return answer

        _, answer = await line.play(session.prompt("go"), script())
        (ask,) = line.recorder.asked
        assert (ask.title, ask.tool, ask.detail["command"]) == ("Push", "execute", "git push -f")
        assert answer["result"]["_meta"] == {"callboard": {"reason": "not now"}}
        assert answer["result"]["outcome"]["optionId"] == "no"


async def test_a_question_is_asked_and_answered(quiet: None) -> None:
    async with draw_line(Recorder(always(Verdict.ANSWERED, choice="green"))) as line:
        session = await line.open(line.agent.begin())
        schema = {"type": "object", "properties": {"colour": {"type": "string", "enum": ["red", "green"]}}}

        async def script() -> dict[str, Any]:
            request = await line.agent.expect("session/prompt")
            line.agent.request(
                3, "elicitation/create", sessionId="s-1", mode="form", message="Which?", requestedSchema=schema
            )
            answer = await line.agent.read()
            line.agent.reply(request, {"stopReason": "end_turn"})
            return answer

        _, answer = await line.play(session.prompt("go"), script())
        assert answer["result"] == {"action": "accept", "content": {"colour": "green"}}
        assert [option.id for option in line.recorder.asked[0].options] == ["red", "green"]


async def test_a_link_is_declined_and_told(line: Line, recorder: Recorder) -> None:
    await line.open(line.agent.begin())
    line.agent.request(3, "elicitation/create", mode="url", message="Open", url="http://x.test", elicitationId="e")
    assert (await line.agent.read())["result"]["action"] == "decline"
    assert "http://x.test" in recorder.list_texts("note")[0]
    line.agent.leave()


@pytest.mark.parametrize("how", ["raises", "cancels itself"])
async def test_an_ask_that_fails_is_cancelled(how: str, capsys: pytest.CaptureFixture[str]) -> None:
    async def answer(_ask: Any) -> Any:
        raise RuntimeError("boom") if how == "raises" else asyncio.CancelledError

    async with draw_line(Recorder(answer)) as line:
        await line.open(line.agent.begin())
        line.agent.ask_permission()
        assert (await line.agent.read())["result"]["outcome"] == {"outcome": "cancelled"}


async def test_cancel_answers_what_is_asked(line: Line, recorder: Recorder) -> None:
    session = await line.open(line.agent.begin())

    async def script() -> None:
        request = await line.agent.expect("session/prompt")
        line.agent.ask_permission(1)
        line.agent.ask_permission(2)
        await line.agent.expect("session/cancel")
        answers = [await line.agent.read() for _ in range(2)]
        assert {answer["id"] for answer in answers} == {1, 2}
        line.agent.ask_permission(3)
        answers.append(await line.agent.read())
        assert all(answer["result"]["outcome"] == {"outcome": "cancelled"} for answer in answers)
        line.agent.reply(request, {"stopReason": "cancelled"})

    async def steer() -> str:
        turn = asyncio.create_task(session.prompt("go"))
        await recorder.asking.wait()
        await session.cancel()
        return (await turn).stop_reason

    assert (await line.play(steer(), script()))[0] == "cancelled"
    assert len(recorder.asked) == len(recorder.cancelled) == 2
    line.agent.leave()


async def test_an_agent_that_answers_cancel_with_an_error_was_cancelled(line: Line) -> None:
    session = await line.open(line.agent.begin())

    async def script() -> None:
        request = await line.agent.expect("session/prompt")
        await line.agent.expect("session/cancel")
        line.agent.refuse(request, -32603, "Aborted")

    async def steer() -> str:
        turn = asyncio.create_task(session.prompt("go"))
        await asyncio.sleep(0)
        await session.cancel()
        return (await turn).stop_reason

    assert (await line.play(steer(), script()))[0] == "cancelled"
    line.agent.leave()


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("fs/read_text_file", {"sessionId": "s-1", "path": "/etc/passwd"}, -32601),
        ("terminal/create", {"sessionId": "s-1", "command": "sh"}, -32601),
        ("_vendor/thing", {}, -32601),
        ("session/request_permission", {"sessionId": "s-1", "options": []}, -32602),
        ("session/request_permission", {"toolCall": 5, "options": 7}, -32602),
        ("elicitation/create", {"mode": "form", "message": "?"}, -32602),
    ],
)
async def test_what_is_not_offered_is_refused(line: Line, method: str, params: Any, code: int) -> None:
    await line.open(line.agent.begin())
    line.agent.request("r", method, **params)
    assert (await line.agent.read())["error"]["code"] == code
    line.agent.leave()


# ----------------------------------------------------------------------------------------------------- hostile agents


async def test_an_agent_that_leaves_ends_the_turn_at_once(line: Line, recorder: Recorder) -> None:
    session = await line.open(line.agent.begin())

    async def script() -> None:
        await line.agent.expect("session/prompt")
        line.agent.speak("I am")
        line.agent.ask_permission()
        await recorder.asking.wait()
        line.agent.write(b"panic: out of cheese\n")
        line.agent.leave()

    started = time.monotonic()
    with pytest.RaisesGroup(
        pytest.RaisesExc(PermanentFailure, match="went away. Its last words: panic: out of cheese")
    ):
        await prompt(line, session, script())
    assert time.monotonic() - started < 2
    await asyncio.sleep(0)
    assert recorder.cancelled == recorder.asked
    with pytest.raises(PermanentFailure, match="went away"):
        await session.prompt("again")
    await session.cancel()


@pytest.mark.parametrize("step", ["initialize", "session/new"])
async def test_an_agent_that_leaves_during_the_handshake(line: Line, step: str) -> None:
    async def script() -> None:
        if step == "session/new":
            await line.agent.greet()
        await line.agent.expect(step)
        line.agent.write(b"Please run `x login` first.")
        line.agent.leave()

    with pytest.RaisesGroup(pytest.RaisesExc(PermanentFailure, match="Please run `x login` first")):
        await line.open(script())


JUNK = [
    b"Welcome to the agent!\n",
    b"\n  \r\n",
    b"{not json\n",
    b"[1,2]\n",
    b'"text"\n',
    b"null\n",
    b"\xff\xfe\x00\x80\n",
    b"[" * 100_000 + b"\n",
    b'{"jsonrpc":"2.0","id":999,"result":{}}\n',
    b'{"jsonrpc":"2.0","id":"x","result":{}}\n',
    b'{"jsonrpc":"2.0","id":[1],"result":{}}\n',
    b'{"jsonrpc":"2.0","id":true,"result":{}}\n',
    b'{"jsonrpc":"2.0","id":0,"error":"no object"}\n',
    b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700}}\n',
    b'{"jsonrpc":"2.0","method":7}\n',
    b'{"jsonrpc":"2.0","method":"session/update"}\n',
    b'{"jsonrpc":"2.0","method":"session/update","params":[1]}\n',
    b'{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s-1","update":null}}\n',
    b'{"jsonrpc":"2.0","method":"unheard/of","params":{}}\n',
    b'{"jsonrpc":"2.0","method":"_vendor/note","params":{}}\n',
    b"{}\n",
    b"9" * 5_000 + b"\n",
]


async def test_junk_is_left_out_and_told_a_few_times(line: Line, recorder: Recorder) -> None:
    session = await line.open(line.agent.begin())

    async def script() -> None:
        request = await line.agent.expect("session/prompt")
        for junk in JUNK * 3:
            line.agent.write(junk)
        line.agent.speak("still here")
        line.agent.reply(request, {"stopReason": "end_turn"})

    assert (await prompt(line, session, script())).stop_reason == "end_turn"
    assert recorder.list_texts() == ["still here"]
    notes = recorder.list_texts("note")
    assert "Welcome to the agent!" in notes[0]
    assert len(notes) <= 6
    line.agent.leave()


async def test_odd_updates_are_saved_or_told_once(line: Line, recorder: Recorder) -> None:
    session = await line.open(line.agent.begin())

    async def script() -> None:
        request = await line.agent.expect("session/prompt")
        for _ in range(3):
            line.agent.update("usage_update", used=None, size=None, cost=None)
            line.agent.update("usage_update", used=None, size=5, cost={"amount": 0.5, "currency": None})
            line.agent.update("crystal_ball", text="?")
        line.agent.update("agent_message_chunk", content={"type": "hologram"})
        line.agent.update("tool_call", toolCallId="c", status="new", kind="dance")
        line.agent.speak("other", "s-9")
        line.agent.write(
            b'{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s-1","update":{"sessionUpdate":'
            b'"agent_message_chunk","content":{"type":"text","text":"a\\u0000b\\ud800c \\ud83d\\ude00"}}}}\n'
        )
        line.agent.reply(request, {"stopReason": "end_turn"})

    assert (await prompt(line, session, script())).cost == 0.5
    assert [data for kind, data in recorder.heard if kind == "usage"][:2] == [
        {},
        {"cost": 0.5, "window": 5},
    ]
    assert recorder.list_texts("note") == ["The agent sent an update that is not known: crystal_ball"]
    assert recorder.list_texts() == ["[hologram]", "a\ufffdb?c 😀"]
    assert ("tool", {"call": "c", "kind": "dance", "status": "new"}) in recorder.heard
    line.agent.leave()


async def test_a_line_of_ten_megabytes_is_read(line: Line, recorder: Recorder) -> None:
    session = await line.open(line.agent.begin())

    async def script() -> None:
        request = await line.agent.expect("session/prompt")
        line.agent.speak("x" * 10_000_000)
        line.agent.reply(request, {"stopReason": "end_turn"})

    await prompt(line, session, script())
    (text,) = recorder.list_texts()
    assert len(text) < 300_000
    assert text.endswith("9,737,856 bytes more")
    line.agent.leave()


async def test_a_line_over_the_limit_is_left_out_or_ends_it(
    line: Line, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await line.open(line.agent.begin())

    async def script() -> None:
        request = await line.agent.expect("session/prompt")
        line.agent.speak("x" * 33 * 1024 * 1024)
        line.agent.speak("after")
        await line.agent.writer.drain()
        head = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": {}})[:-2].encode()
        line.agent.write(head + b'"x":"' + b"x" * 33 * 1024 * 1024 + b'"}}\n')

    with pytest.RaisesGroup(pytest.RaisesExc(PermanentFailure, match="at most 33,554,432 are read")):
        await prompt(line, session, script())
    assert recorder.list_texts() == ["after"]
    assert "was left out" in recorder.list_texts("note")[0]


async def test_an_agent_that_does_not_read_ends_the_turn(quiet: None) -> None:
    limits = Limits(greet=LIMITS.greet, enter=LIMITS.enter, choose=LIMITS.choose, send=0.2)
    async with draw_line(limits=limits) as line:
        session = await line.open(line.agent.begin())
        with pytest.raises(PermanentFailure, match="does not read"):
            await session.prompt("x" * 64_000_000)
        await session.close()


async def test_permission_options_of_unknown_kinds_are_kept(quiet: None) -> None:
    async with draw_line(Recorder(always(Verdict.ANSWERED, choice="sandbox"))) as line:
        await line.open(line.agent.begin())
        odd = [{"optionId": "sandbox", "name": "In a sandbox", "kind": "allow_sandboxed"}, {"name": "no id"}, 5]
        line.agent.ask_permission(options=odd)
        answer = await line.agent.read()
        assert answer["result"]["outcome"] == {"outcome": "selected", "optionId": "sandbox"}
        assert [option.kind for option in line.recorder.asked[0].options] == ["allow_sandboxed"]


async def test_an_answer_of_an_unknown_option_is_none(quiet: None) -> None:
    async with draw_line(Recorder(always(Verdict.ANSWERED, choice="nowhere"))) as line:
        await line.open(line.agent.begin())
        line.agent.ask_permission()
        assert (await line.agent.read())["result"]["outcome"] == {"outcome": "cancelled"}


async def test_a_flood_leaves_the_loop_to_others(line: Line) -> None:
    session = await line.open(line.agent.begin())
    gaps: list[float] = []

    async def watch() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            gaps.append(now - last)
            last = now

    async def script() -> None:
        request = await line.agent.expect("session/prompt")
        message = json.dumps(
            {
                "jsonrpc": "2.0",
                "method": "session/update",
                "params": {
                    "sessionId": "s-1",
                    "update": {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "x" * 50}},
                },
            }
        ).encode()
        line.agent.write((message + b"\n") * 20_000)
        line.agent.reply(request, {"stopReason": "end_turn"})

    watcher = asyncio.create_task(watch())
    await prompt(line, session, script())
    watcher.cancel()
    assert len(gaps) > 1_000
    line.agent.leave()
