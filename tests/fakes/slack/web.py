"""The Web API's door: reads a request, keeps Slack's order of checks, answers in Slack's form."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from aiohttp import web

# Each of these enters its methods in the table.
from tests.fakes.slack import chat, conversations, directory, modals, streams, uploads  # noqa: F401
from tests.fakes.slack.methods import METHODS, need_scope
from tests.fakes.slack.records import Call, Denied, Json
from tests.fakes.slack.trouble import Trouble

if TYPE_CHECKING:
    from tests.fakes.slack.server import FakeSlack

_ENCODED = ("blocks", "attachments", "metadata", "view", "files", "chunks")
# A call answered so was never good: the app should have known.
_INVALID = frozenset(
    (
        "file_not_found",
        "invalid_arguments",
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_chunks",
        "invalid_form_data",
        "invalid_metadata_format",
        "invalid_payload",
        "markdown_text_conflict",
        "metadata_too_large",
        "missing_recipient_team_id",
        "missing_recipient_user_id",
        "msg_blocks_too_long",
        "msg_too_long",
        "no_text",
        "not_allowed_token_type",
        "not_authed",
        "unknown_method",
        "used_url",
        "view_too_large",
    )
)


async def receive_call(slack: FakeSlack, request: web.Request) -> web.StreamResponse:
    args, token, broken = await _read_args(request)
    call = Call(method=request.match_info["method"], args=args, token=token, at=slack.now())
    found = slack.get_channel(str(args.get("channel") or args.get("channel_id") or ""))
    call.channel = found.id if found else ""
    return await answer(slack, request, call, lambda: run_method(slack, call, broken))


def run_method(slack: FakeSlack, call: Call, broken: str = "") -> Json:
    """Check the call and do it. Raises Denied."""
    entry = METHODS.get(call.method)
    if entry is None:
        raise Denied("unknown_method", req_method=call.method)
    _check_token(slack, call, entry.kind)
    if wait := slack.pace.take(call, slack.now()):
        raise Denied("ratelimited", status=429, retry_after=wait)
    need_scope(slack, call.token, entry.scope)
    if broken:
        raise Denied("invalid_blocks_format" if broken == "blocks" else "invalid_arguments")
    return entry.handle(slack, call)


def _check_token(slack: FakeSlack, call: Call, kind: str) -> None:
    if not call.token:
        raise Denied("not_authed")
    token = slack.tokens.get(call.token)
    if token is None:
        raise Denied("invalid_auth")
    if token.state:
        raise Denied(token.state)
    if kind not in ("any", token.kind):
        raise Denied("not_allowed_token_type")


async def _read_args(request: web.Request) -> tuple[Json, str, str]:
    """The arguments without those that are null, the token, and the argument that is no JSON but should be."""
    args: Json = dict(request.query)
    broken = ""
    if request.content_type == "application/json":
        args |= json.loads(await request.text() or "{}")
    else:
        args |= dict(await request.post())
    args = {key: value for key, value in args.items() if value is not None}
    for key in _ENCODED:
        if isinstance(args.get(key), str):
            try:
                args[key] = json.loads(args[key])
            except ValueError:
                broken = key
    token = str(args.pop("token", "")) or request.headers.get("Authorization", "").removeprefix("Bearer ")
    return args, token, broken


async def answer(
    slack: FakeSlack, request: web.Request, call: Call, act: Callable[[], Json], plain: bool = False
) -> web.StreamResponse:
    """Do what a request asks, with the fault that was ordered for it, and write it into the log of calls."""
    slack.call_log.append(call)
    trouble = slack.trouble_book.take(call)
    try:
        await slack.tell()
        if trouble and (early := await _harm_early(request, call, trouble)):
            return early
        _do(slack, call, act, trouble)
        if trouble and trouble.fault.endswith("_after"):
            await slack.tell()
            return await _cut(request, trouble)
        return _write(slack, call, plain)
    finally:
        await slack.tell()


def _do(slack: FakeSlack, call: Call, act: Callable[[], Json], trouble: Trouble | None) -> None:
    call.status = 200
    try:
        if trouble and not trouble.fault.endswith("_after"):
            raise Denied(trouble.fault)
        call.answer = {"ok": True} | act()
    except Denied as denied:
        call.status = denied.more.pop("status", 200)
        call.answer = {"ok": False, "error": denied.error} | denied.more
        if denied.error in _INVALID and not trouble:
            slack.unexpected.append(call)


async def _harm_early(request: web.Request, call: Call, trouble: Trouble) -> web.StreamResponse | None:
    """The answer of a fault that strikes before anything is done; None when the fault comes later."""
    fault = trouble.fault
    if fault in ("hang", "close"):
        return await _cut(request, trouble)
    if fault == "429":
        call.status, call.answer = 429, {"ok": False, "error": "ratelimited"}
        return web.json_response(call.answer, status=429, headers={"Retry-After": str(trouble.retry_after)})
    if fault in ("500", "503"):
        call.status = int(fault)
        return web.Response(status=call.status, text="Server Error")
    if fault == "html":
        call.status = 200
        return web.Response(text="<!DOCTYPE html><title>Slack</title>", content_type="text/html")
    return None


async def _cut(request: web.Request, trouble: Trouble) -> web.StreamResponse:
    """Give no answer: at once, or when the one who hangs is released."""
    if trouble.fault.startswith("hang"):
        await trouble.released.wait()
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _write(slack: FakeSlack, call: Call, plain: bool) -> web.StreamResponse:
    found = dict(call.answer or {})
    headers = {}
    if wait := found.pop("retry_after", 0):
        headers["Retry-After"] = str(wait)
    if token := slack.tokens.get(call.token):
        headers["x-oauth-scopes"] = ",".join(sorted(token.scopes))
    if call.method in METHODS:
        headers["x-accepted-oauth-scopes"] = METHODS[call.method].scope
    if plain:
        return web.Response(status=_plain_status(call), text=call.error or "ok", headers=headers)
    return web.json_response(found, status=call.status, headers=headers)


def _plain_status(call: Call) -> int:
    return call.status if call.status != 200 or not call.error else 400
