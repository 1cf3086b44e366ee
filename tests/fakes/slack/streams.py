"""chat.startStream, appendStream, stopStream: a message that grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.slack.blocks import MARKDOWN, find_faults
from tests.fakes.slack.chat import check_thread, fill_ids, need_own, note_content
from tests.fakes.slack.events import emit_change, emit_message
from tests.fakes.slack.methods import method, need_writable
from tests.fakes.slack.records import Call, Denied, Json, Message

if TYPE_CHECKING:
    from tests.fakes.slack.server import FakeSlack

# Undocumented: a stream that is not fed for some minutes is no stream any more.
STREAM_SECONDS = 300.0
_CHUNKS = ("markdown_text", "task_update", "plan_update", "blocks")


@method("chat.startStream", "chat:write")
def start_stream(slack: FakeSlack, call: Call) -> Json:
    channel = need_writable(slack, call)
    if channel.kind != "im":
        for key in ("recipient_user_id", "recipient_team_id"):
            if not call.args.get(key):
                raise Denied(f"missing_{key}")
    check_thread(channel, str(call.args.get("thread_ts") or ""))
    texts, blocks = _read_chunks(call)
    thread = str(call.args.get("thread_ts") or "")
    message = slack.keep_message(channel, slack.bot, bot=slack.bot_id, thread_ts=thread, streaming=True)
    _grow(slack, message, texts, blocks)
    emit_message(slack, message)
    return {"channel": channel.id, "ts": message.ts}


@method("chat.appendStream", "chat:write")
def append_stream(slack: FakeSlack, call: Call) -> Json:
    message = _need_stream(slack, call)
    texts, blocks = _read_chunks(call)
    if not texts and not blocks:
        raise Denied("no_text")
    _grow(slack, message, texts, blocks)
    return {"channel": message.channel, "ts": message.ts}


@method("chat.stopStream", "chat:write")
def stop_stream(slack: FakeSlack, call: Call) -> Json:
    message = _need_stream(slack, call)
    texts, blocks = _read_chunks(call)
    last = call.args.get("blocks")
    _refuse_blocks(last or [])
    before = message.to_json()
    _grow(slack, message, texts, blocks + (last or []))
    message.streaming, message.text = False, message.markdown
    message.metadata = call.args.get("metadata") or message.metadata
    note_content(slack, message, call.method)
    emit_change(slack, message, before)
    return {"channel": message.channel, "ts": message.ts, "message": message.to_json()}


def _need_stream(slack: FakeSlack, call: Call) -> Message:
    message = need_own(slack, call, "message_not_owned_by_app")
    if message.streaming and slack.now() - message.streamed_at > STREAM_SECONDS:
        message.streaming = False
    if not message.streaming:
        raise Denied("message_not_in_streaming_state")
    return message


def _grow(slack: FakeSlack, message: Message, texts: list[str], blocks: list[Json]) -> None:
    message.markdown += "".join(texts)
    if blocks:
        message.blocks = (message.blocks or []) + (fill_ids(slack, blocks) or [])
    message.streamed_at = slack.now()


def _read_chunks(call: Call) -> tuple[list[str], list[Json]]:
    text, chunks = call.args.get("markdown_text"), call.args.get("chunks") or []
    if text and chunks:
        raise Denied("markdown_text_conflict")
    texts = [str(text)] if text else []
    blocks: list[Json] = []
    for chunk in chunks:
        _check_chunk(chunk)
        texts += [str(chunk["text"])] if chunk["type"] == "markdown_text" else []
        blocks += chunk.get("blocks") or []
    if any(len(part) > MARKDOWN for part in texts):
        raise Denied("msg_too_long")
    _refuse_blocks(blocks)
    return texts, blocks


def _check_chunk(chunk: Any) -> None:
    kind = chunk.get("type") if isinstance(chunk, dict) else None
    if kind not in _CHUNKS or (kind == "markdown_text" and not isinstance(chunk.get("text"), str)):
        raise Denied("invalid_chunks")


def _refuse_blocks(blocks: list[Json]) -> None:
    if faults := find_faults(blocks):
        raise Denied("invalid_blocks", errors=faults, response_metadata={"messages": faults})
