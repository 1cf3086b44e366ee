"""The agent's side of ACP: what each method does. One turn at a time; prompts that come meanwhile wait in line."""

from __future__ import annotations

import signal
import sys
import time
from collections import deque

from . import script
from .given import part_prompt
from .session import Session, load_session, make_session
from .turn import Turn, make_text
from .wire import AUTH_REQUIRED, INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND, Closed, RpcError, Wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .tools import ToolServer

    Params = dict[str, Any]

MODES = {"code": "Does what the words say", "plan": "Says what it would do and touches nothing"}
MODELS = {"demo-small": "Demo small", "demo-large": "Demo large"}


class Server:
    """`switches` are the words of the command line (see the README)."""

    def __init__(self, switches: Sequence[str]) -> None:
        self.wire = Wire(self.take_message)
        self._switches = frozenset(switches)
        self._sessions: dict[str, Session] = {}
        self._servers: dict[str, dict[str, ToolServer]] = {}
        self._client: dict[str, Any] = {}
        self._prompts: deque[dict[str, Any]] = deque()
        self._playing = ""
        self._methods: dict[str, Callable[[Params], dict[str, Any]]] = {
            "initialize": self.initialize,
            "authenticate": lambda params: {},
            "session/new": self.open_session,
            "session/set_mode": self.set_mode,
            "session/set_config_option": self.set_option,
            "session/close": self.close_session,
        }
        if "--no-load" not in self._switches:
            self._methods |= {"session/load": self.load_session, "session/resume": self.resume_session}

    def serve(self) -> None:
        """Until the client goes away."""
        while True:
            while self._prompts:
                self._take_turn(self._prompts.popleft())
            self.wire.wait(None)

    def stop(self) -> None:
        for servers in self._servers.values():
            for server in servers.values():
                server.stop()

    def take_message(self, message: dict[str, Any]) -> None:
        if not isinstance(message.get("params"), dict):
            message["params"] = {}
        method, params = message["method"], message["params"]
        if method == "session/cancel":
            self.cancel_turn(params)
        elif method == "session/prompt" and "id" in message:
            self._prompts.append(message)
        elif "id" in message:
            self._answer(message["id"], lambda: self._call(method, params))

    def _call(self, method: str, params: Params) -> dict[str, Any]:
        if method not in self._methods:
            raise RpcError(METHOD_NOT_FOUND, f"There is no method {method}.")
        return self._methods[method](params)

    def _answer(self, number: Any, make: Callable[[], dict[str, Any]]) -> None:
        try:
            self.wire.answer(number, make())
        except RpcError as error:
            self.wire.refuse(number, error.code, error.message)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            self.wire.refuse(number, INVALID_PARAMS, f"These parameters do not fit: {error!r}.")
        except OSError as error:
            self.wire.refuse(number, INTERNAL_ERROR, f"{error}")

    # ---------------------------------------------------------------------------------------------- sessions

    def initialize(self, params: Params) -> dict[str, Any]:
        self._client = params.get("clientCapabilities") or {}
        if "--no-elicitation" in self._switches:
            self._client.pop("elicitation", None)
        loads = "--no-load" not in self._switches
        return {
            "protocolVersion": 1,
            "agentCapabilities": {
                "loadSession": loads,
                "promptCapabilities": {} if "--plain" in self._switches else {"embeddedContext": True, "image": True},
                "sessionCapabilities": {"close": {}, **({"resume": {}} if loads else {})},
            },
            "agentInfo": {"name": "demo", "title": "Demo agent (scripted, no model)", "version": "1"},
            "authMethods": [],
        }

    def open_session(self, params: Params) -> dict[str, Any]:
        if "--signed-out" in self._switches:
            raise RpcError(AUTH_REQUIRED, "Authentication required.")
        session = make_session(params["cwd"], params.get("mcpServers") or [])
        self._sessions[session.id] = session
        self._turn(session).save()
        return {"sessionId": session.id, **self._offer(session)}

    def resume_session(self, params: Params) -> dict[str, Any]:
        session = load_session(params["sessionId"], params["cwd"], params.get("mcpServers") or [])
        if session is None:
            raise RpcError(INVALID_PARAMS, f"There is no session {params['sessionId']}.")
        self._sessions[session.id] = session
        return self._offer(session)

    def load_session(self, params: Params) -> dict[str, Any]:
        offer = self.resume_session(params)
        session = self._sessions[params["sessionId"]]
        for update in session.history:
            self.wire.notify("session/update", {"sessionId": session.id, "update": update})
        return offer

    def close_session(self, params: Params) -> dict[str, Any]:
        self.cancel_turn(params)
        self._find(params)
        del self._sessions[params["sessionId"]]
        return {}

    def set_mode(self, params: Params) -> dict[str, Any]:
        session = self._find(params)
        session.mode = check_choice(params["modeId"], MODES)
        self._turn(session).save()
        return {}

    def set_option(self, params: Params) -> dict[str, Any]:
        session = self._find(params)
        if params["configId"] == "mode":
            session.mode = check_choice(params["value"], MODES)
        elif params["configId"] == "model":
            session.model = check_choice(params["value"], MODELS)
        else:
            raise RpcError(INVALID_PARAMS, f"There is no option {params['configId']}.")
        self._turn(session).save()
        return {"configOptions": self._offer(session).get("configOptions", [])}

    def _offer(self, session: Session) -> dict[str, Any]:
        offer: dict[str, Any] = {"configOptions": []}
        if "--no-modes" not in self._switches:
            modes = [{"id": name, "name": name.capitalize(), "description": about} for name, about in MODES.items()]
            offer["modes"] = {"currentModeId": session.mode, "availableModes": modes}
            offer["configOptions"].append(
                make_select("mode", session.mode, {name: name.capitalize() for name in MODES})
            )
        if "--no-models" not in self._switches:
            offer["configOptions"].append(make_select("model", session.model, MODELS))
        return offer

    def _find(self, params: Params) -> Session:
        session = self._sessions.get(params["sessionId"])
        if session is None:
            raise RpcError(INVALID_PARAMS, f"There is no session {params['sessionId']}.")
        return session

    def _turn(self, session: Session) -> Turn:
        return Turn(self.wire, session, self._client, self._servers.setdefault(session.id, {}))

    # -------------------------------------------------------------------------------------------------- turns

    def cancel_turn(self, params: Params) -> None:
        """Breaks off the turn that is played, and the prompts that wait behind it."""
        number = params.get("sessionId", "")
        if number and number == self._playing:
            self.wire.cancelled = True
        waiting = [message for message in self._prompts if message["params"].get("sessionId") == number]
        for message in waiting:
            self._prompts.remove(message)
            self.wire.answer(message["id"], {"stopReason": "cancelled"})

    def _take_turn(self, message: dict[str, Any]) -> None:
        params = message["params"]
        self._playing = params.get("sessionId", "")
        self._answer(message["id"], lambda: self._play(params))
        self._playing = ""
        self.wire.cancelled = False

    def _play(self, params: Params) -> dict[str, Any]:
        session = self._find(params)
        text, given = part_prompt(params["prompt"])
        session.remember({"sessionUpdate": "user_message_chunk", "content": make_text(text)})
        prepare_script(session, text, given)
        turn = self._turn(session)
        turn.save()
        before = session.tokens
        reason = plan_only(turn) if session.mode == "plan" else turn.play(find_actions())
        turn.save()
        return {"stopReason": reason, **make_usage(session.tokens - before)}


def prepare_script(session: Session, text: str, given: Params) -> None:
    """Go on with the script in hand when a continuation means it, else make one. The text may also be of a message that
    never got here before the break."""
    task = script.read_task(text)
    if script.is_continuation(text) and session.turn and task in ("", session.turn["text"]):
        return
    session.turns += 1
    session.turn = script.make_turn(task, first=session.turns == 1 and not script.has_context(text))
    session.turn["given"] = given


def find_actions() -> dict[str, Callable[[Turn, Any], str | None]]:
    from . import faults, steps  # not needed to answer initialize

    return {**steps.ACTIONS, **faults.ACTIONS}


def plan_only(turn: Turn) -> str:
    actions = ", ".join(step["do"] for step in turn.state["steps"])
    turn.say(f"In mode plan I touch nothing (scripted, no model). I would: {actions}.\n")
    turn.state["next"] = len(turn.state["steps"])
    return "end_turn"


def make_usage(tokens: int) -> dict[str, Any]:
    return {"usage": {"totalTokens": tokens, "inputTokens": tokens, "outputTokens": 0}} if tokens else {}


def make_select(name: str, current: str, choices: dict[str, str]) -> dict[str, Any]:
    options = [{"value": value, "name": label} for value, label in choices.items()]
    head = {"id": name, "name": name.capitalize(), "category": name, "type": "select"}
    return {**head, "currentValue": current, "options": options}


def check_choice(value: str, choices: dict[str, str]) -> str:
    if value not in choices:
        raise RpcError(INVALID_PARAMS, f"There is no {value}; there is {', '.join(choices)}.")
    return value


def leave_now(*_: Any) -> None:
    raise Closed


def main(switches: Sequence[str]) -> None:
    """Serve the client on stdin and stdout; returns when it went away, with everything ended that was started."""
    if "--mute" in switches:
        time.sleep(1e8)
    if unknown := set(switches) - SWITCHES:
        sys.exit(f"demo agent: unknown switches {' '.join(sorted(unknown))}; there are {' '.join(sorted(SWITCHES))}")
    signal.signal(signal.SIGTERM, leave_now)
    server = Server(switches)
    try:
        server.serve()
    except (Closed, KeyboardInterrupt):
        pass
    finally:
        server.stop()


SWITCHES = {"--no-load", "--no-elicitation", "--no-modes", "--no-models", "--signed-out", "--mute", "--plain"}
