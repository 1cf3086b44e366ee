"""The steps from two streams to an open session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from acp import PROTOCOL_VERSION, RequestError

from core.errors import PermanentFailure
from core.interfaces import Handshake, Opening, ToolServer
from integrations.acp.client import AcpClient
from integrations.acp.offer import Offer, list_offers, pick_offer, read_list
from integrations.acp.peer import Peer, Silent, describe_error, needs_sign_in

CAPABILITIES = {
    "fs": {"readTextFile": False, "writeTextFile": False},
    "terminal": False,
    "elicitation": {"form": {}},
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that each step may take."""

    greet: float = 60.0
    enter: float = 120.0
    choose: float = 60.0
    send: float = 60.0


@dataclass(frozen=True, slots=True)
class Hello:
    """What an agent answered to initialize. `reload` is the method that opens an earlier session, "" for none."""

    name: str
    version: str
    can: Sequence[str]
    reload: str
    sign_in: Sequence[Mapping[str, Any]]

    def tell(self) -> Handshake:
        return Handshake(self.name, self.version, self.can)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entered session: its id, new, loaded or rebuilt, and what it offers."""

    id: str
    how: str
    result: Mapping[str, Any]


async def greet_agent(peer: Peer, limits: Limits) -> Hello:
    """Initialize. Raises PermanentFailure when it takes too long or the agent speaks another version."""
    params = {
        "protocolVersion": PROTOCOL_VERSION,
        "clientCapabilities": CAPABILITIES,
        "clientInfo": {"name": "callboard", "title": "Callboard", "version": "1"},
    }
    return read_hello(await peer.call("initialize", params, limits.greet))


def read_hello(result: Mapping[str, Any]) -> Hello:
    if result.get("protocolVersion") != PROTOCOL_VERSION:
        spoken = str(result.get("protocolVersion"))[:20]
        raise PermanentFailure(f"The agent speaks ACP version {spoken}; version {PROTOCOL_VERSION} is needed.")
    info, capabilities = read_object(result, "agentInfo"), read_object(result, "agentCapabilities")
    can = list_abilities(capabilities)
    return Hello(
        name=str(info.get("title") or info.get("name") or ""),
        version=str(info.get("version") or ""),
        can=can,
        reload=next((f"session/{verb}" for verb in ("load", "resume") if verb in can), ""),
        sign_in=read_list(result.get("authMethods")),
    )


def read_object(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}


def list_abilities(capabilities: Mapping[str, Any]) -> list[str]:
    """What the agent can, in words: load, resume, list, image, audio, mcp http, …"""
    groups = (("sessionCapabilities", ""), ("promptCapabilities", ""), ("mcpCapabilities", "mcp "))
    found = [
        f"{prefix}{name}"
        for group, prefix in groups
        for name, value in read_object(capabilities, group).items()
        if name != "_meta" and value not in (None, False)
    ]
    return ["load", *found] if capabilities.get("loadSession") is True else found


async def enter_session(peer: Peer, client: AcpClient, hello: Hello, opening: Opening, limits: Limits) -> Entry:
    """Load the session that is asked for, else begin a new one. Raises RequestError or PermanentFailure."""
    base = {"cwd": opening.folder, "mcpServers": [describe_server(server) for server in opening.tools]}
    if opening.session:
        result = await reload_session(peer, client, hello, {**base, "sessionId": opening.session}, limits)
        if result is not None:
            client.attach(opening.session)
            return Entry(opening.session, "loaded", result)
    result = await call_signed_in(peer, hello, "session/new", base, limits)
    session = result.get("sessionId")
    if not isinstance(session, str) or not session:
        raise PermanentFailure("The agent broke the protocol: its new session has no id.")
    client.attach(session)
    return Entry(session, "rebuilt" if opening.session else "new", result)


async def try_session(peer: Peer, client: AcpClient, hello: Hello, folder: str, limits: Limits) -> Handshake:
    """What is known of an agent once a session is open, or once it wants somebody to sign in first. Raises
    RequestError or PermanentFailure when it opens none for another reason."""
    try:
        entry = await enter_session(peer, client, hello, Opening(folder), limits)
    except RequestError as error:
        if not needs_sign_in(error):
            raise
        return replace(hello.tell(), signed_in=False)
    modes = [offer.id for offer in list_offers("mode", entry.result, entry.id)]
    # A model may be chosen by its name as well, where that is one word.
    named = [word for offer in list_offers("model", entry.result, entry.id) for word in (offer.id, offer.name)]
    models = tuple(dict.fromkeys(word for word in named if len(word.split()) == 1))
    return replace(hello.tell(), signed_in=True, modes=modes, models=models)


async def reload_session(
    peer: Peer, client: AcpClient, hello: Hello, params: Mapping[str, Any], limits: Limits
) -> Mapping[str, Any] | None:
    """The result, or None when the agent cannot: then it is told why."""
    why = "the agent cannot load sessions"
    if hello.reload:
        try:
            with client.replay():
                return await call_signed_in(peer, hello, hello.reload, params, limits)
        except RequestError as error:
            why = describe_error(error)
        except Silent as silent:
            why = silent.message
    client.note(f"The earlier session could not be loaded: {why}")
    client.ignore(params["sessionId"])
    return None


async def call_signed_in(
    peer: Peer, hello: Hello, method: str, params: Mapping[str, Any], limits: Limits
) -> Mapping[str, Any]:
    """Call; when the agent wants a sign-in and can take one from its environment, let it, and call again."""
    try:
        return await peer.call(method, params, limits.enter)
    except RequestError as error:
        if not needs_sign_in(error) or not await sign_in(peer, hello, limits):
            raise
    return await peer.call(method, params, limits.enter)


async def sign_in(peer: Peer, hello: Hello, limits: Limits) -> bool:
    """Only by variables that are set already: other ways open a browser or a terminal."""
    for method in hello.sign_in:
        if method.get("type") != "env_var":
            continue
        try:
            await peer.call("authenticate", {"methodId": method.get("id")}, limits.choose)
        except RequestError:
            continue
        return True
    return False


def describe_server(server: ToolServer) -> dict[str, Any]:
    command, *arguments = server.command
    env = [{"name": name, "value": value} for name, value in server.env.items()]
    return {"name": server.name, "command": command, "args": arguments, "env": env}


async def choose_offers(peer: Peer, client: AcpClient, entry: Entry, opening: Opening, limits: Limits) -> None:
    """Set model and mode. Raises PermanentFailure that names what is offered, RequestError when the agent says no."""
    result = dict(entry.result)
    for what, wanted in (("model", opening.model), ("mode", opening.mode)):
        offers = list_offers(what, result, entry.id)
        if wanted and entry.how == "loaded" and not offers:
            client.note(f"The loaded session does not say which {what} it has; {wanted} was asked for.")
        elif wanted:
            chosen: Offer = pick_offer(what, wanted, offers)
            told = await peer.call(chosen.method, chosen.params, limits.choose)
            result |= {key: value for key, value in told.items() if key == "configOptions"}
