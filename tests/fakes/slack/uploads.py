"""files.*: an upload in three steps, and reading a file back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from tests.fakes.slack.chat import check_thread
from tests.fakes.slack.events import emit_message
from tests.fakes.slack.methods import method, need_writable
from tests.fakes.slack.records import Call, Denied, Json, Upload

if TYPE_CHECKING:
    from tests.fakes.slack.server import FakeSlack


@method("files.getUploadURLExternal", "files:write")
def open_upload(slack: FakeSlack, call: Call) -> Json:
    name, length = call.need("filename", "length")
    if not length.isdigit():
        raise Denied("invalid_arguments")
    made = Upload(id=slack.next_id("F"), name=name, size=int(length), base=slack.url, user=slack.bot)
    slack.files[made.id] = made
    return {"file_id": made.id, "upload_url": f"{slack.url}/upload/v1/{made.id}"}


@method("files.completeUploadExternal", "files:write")
def complete_upload(slack: FakeSlack, call: Call) -> Json:
    call.need("files")
    files = [_need_uploaded(slack, item) for item in call.args["files"]]
    for file, item in zip(files, call.args["files"], strict=True):
        file.title, file.shared = item.get("title") or file.name, True
    names = [call.args.get("channel_id"), *str(call.args.get("channels") or "").split(",")]
    for name in filter(None, names):
        _share(slack, call, str(name), files)
    return {"files": [file.to_json() for file in files]}


def _need_uploaded(slack: FakeSlack, item: Json) -> Upload:
    file = slack.files.get(str(item.get("id")))
    if file is None or file.content is None or file.shared:
        raise Denied("file_not_found" if file is None or file.content is None else "file_already_completed")
    return file


def _share(slack: FakeSlack, call: Call, name: str, files: list[Upload]) -> None:
    call.args["channel"] = name
    channel = need_writable(slack, call)
    thread, text = str(call.args.get("thread_ts") or ""), str(call.args.get("initial_comment") or "")
    check_thread(channel, thread)
    more = {"bot": slack.bot_id, "subtype": "file_share", "files": files, "text": text, "thread_ts": thread}
    message = slack.keep_message(channel, slack.bot, **more)
    for file in files:
        file.channels.add(channel.id)
    slack.note_marks(call.method, text, channel.id, message.ts)
    emit_message(slack, message)


@method("files.info", "files:read")
def show_file(slack: FakeSlack, call: Call) -> Json:
    (id,) = call.need("file")
    if id not in slack.files or not slack.files[id].shared:
        raise Denied("file_not_found")
    return {"file": slack.files[id].to_json()}


async def receive_upload(slack: FakeSlack, request: web.Request) -> web.Response:
    """The second step: the bytes, as they are or as a form."""
    file = slack.files.get(request.match_info["id"])
    if file is None or file.content is not None:
        return web.Response(status=404, text="no such upload")
    content = await request.read()
    if request.content_type == "multipart/form-data":
        content = b"".join([_read_part(part) for part in (await request.post()).values()])
    if len(content) != file.size:
        return web.Response(status=400, text=f"{file.size} bytes were announced")
    file.content = content
    return web.Response(text=f"OK - {file.size}")


def _read_part(part: object) -> bytes:
    return part.file.read() if isinstance(part, web.FileField) else b""


async def send_file(slack: FakeSlack, request: web.Request) -> web.Response:
    """`url_private`: whoever has no token for it is shown the page to sign in, with status 200, as Slack does."""
    file = slack.files.get(request.match_info["id"])
    token = slack.tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
    if token is None or token.state or "files:read" not in token.scopes:
        return web.Response(text="<!DOCTYPE html><title>Sign in | Slack</title>", content_type="text/html")
    if file is None or file.content is None:
        return web.Response(status=404, text="no such file")
    return web.Response(body=file.content, content_type="application/octet-stream")
