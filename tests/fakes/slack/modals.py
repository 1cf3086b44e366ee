"""views.*: modals and home tabs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes.slack.blocks import Surface, judge_view
from tests.fakes.slack.chat import fill_ids, refuse
from tests.fakes.slack.methods import method
from tests.fakes.slack.records import Call, Denied, Json, View

if TYPE_CHECKING:
    from tests.fakes.slack.server import FakeSlack

_MOST_MODALS = 3


def read_view(slack: FakeSlack, view: object, kind: Surface) -> Json:
    """A view as Slack stores it. Raises Denied with Slack's remarks."""
    refuse(judge_view(view, kind))
    assert isinstance(view, dict)
    return dict(view) | {"blocks": fill_ids(slack, view["blocks"])}


def use_trigger(slack: FakeSlack, call: Call) -> str:
    """The person whose act allows a modal: once, and for some seconds."""
    (trigger,) = call.need("trigger_id")
    if trigger not in slack.triggers:
        raise Denied("invalid_trigger_id")
    made, user = slack.triggers[trigger]
    if not user:
        raise Denied("exchanged_trigger_id")
    if slack.now() - made > slack.trigger_seconds:
        raise Denied("expired_trigger_id")
    slack.triggers[trigger] = (made, "")
    return user


def keep_view(slack: FakeSlack, user: str, content: Json, below: View | None = None) -> View:
    view = View(id=slack.next_id("V"), user=user, content=content, hash=slack.next_ts())
    if below is not None:
        view.root, view.previous = below.root or below.id, below.id
    slack.views[view.id] = view
    note_view(slack, view, "views.open")
    return view


def note_view(slack: FakeSlack, view: View, method: str) -> None:
    slack.note_marks(method, view.content["blocks"], view.id)


def change_view(slack: FakeSlack, view: View, content: Json) -> None:
    view.content, view.hash, view.values = content, slack.next_ts(), {}
    note_view(slack, view, "views.update")


def check_hash(call: Call, view: View | None) -> None:
    if view is not None and call.args.get("hash") and call.args["hash"] != view.hash:
        raise Denied("hash_conflict")


def _answer(slack: FakeSlack, view: View) -> Json:
    return {"view": view.to_json(slack.team, slack.app)}


@method("views.open")
def open_view(slack: FakeSlack, call: Call) -> Json:
    content = read_view(slack, call.args.get("view"), "modal")
    return _answer(slack, keep_view(slack, use_trigger(slack, call), content))


@method("views.push")
def push_view(slack: FakeSlack, call: Call) -> Json:
    content = read_view(slack, call.args.get("view"), "modal")
    user = use_trigger(slack, call)
    stack = slack.modals(user)
    if not stack:
        raise Denied("not_found")
    if len(stack) >= _MOST_MODALS:
        raise Denied("push_limit_reached")
    return _answer(slack, keep_view(slack, user, content, below=stack[-1]))


@method("views.update")
def update_view(slack: FakeSlack, call: Call) -> Json:
    wanted = call.args.get("view_id") or call.args.get("external_id")
    for view in slack.views.values():
        if wanted in (view.id, view.content.get("external_id")) and wanted and not view.closed:
            check_hash(call, view)
            change_view(slack, view, read_view(slack, call.args.get("view"), "modal"))
            return _answer(slack, view)
    raise Denied("not_found")


@method("views.publish")
def publish_view(slack: FakeSlack, call: Call) -> Json:
    (user,) = call.need("user_id")
    if not slack.has_home:
        raise Denied("not_enabled")
    person = slack.people.get(user)
    if person is None or person.deleted or person.team != slack.team:
        raise Denied("user_not_found")
    content = read_view(slack, call.args.get("view"), "home")
    home = slack.home(user)
    check_hash(call, home)
    if home is None:
        home = keep_view(slack, user, content)
    else:
        change_view(slack, home, content)
    return _answer(slack, home)
