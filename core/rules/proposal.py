"""The narrowest rule that allows an ask from now on: *Always in this project*. Pure."""

from __future__ import annotations

import re

from core.errors import Conflict
from core.interfaces import Ask
from core.rules.matter import Matter, read_matter, set_folder
from core.rules.place import find_inside, is_inside
from core.rules.rule import Effect, Rule
from core.rules.scene import Scene

_PATH_TOOLS = ("read", "edit", "delete", "move")


def propose_rule(ask: Ask, scene: Scene) -> Rule:
    """The rule for exactly this command, file or host. Raises Conflict when no rule can say it."""
    matter, scene = read_matter(ask), set_folder(ask, scene)
    rule = None if matter.doubt else _name_matter(matter, scene)
    if rule is None:
        why = matter.doubt or "a rule needs one command, one file of the worktree or one host"
        raise Conflict(
            f"No rule can say this: {why}.", remedy="`approve AGENT --for-agent` allows exactly this to its agent."
        )
    return rule


def _name_matter(matter: Matter, scene: Scene) -> Rule | None:
    if matter.argv:
        return Rule(Effect.ALLOW, "execute", exactly=tuple(matter.argv))
    named = list(dict.fromkeys(matter.named))
    if matter.tool in _PATH_TOOLS and len(named) == 1 and is_inside(named[0], scene):
        path = find_inside(scene.place(named[0]), scene)
        return Rule(Effect.ALLOW, matter.tool, path=f"./{path}") if path and _is_literal(path) else None
    hosts = list(dict.fromkeys(matter.hosts))
    if matter.tool == "fetch" and len(hosts) == 1 and _is_literal(hosts[0]) and ":" not in hosts[0]:
        return Rule(Effect.ALLOW, "fetch", host=hosts[0])
    return None


def _is_literal(text: str) -> bool:
    return text.isprintable() and not re.search(r"[*?\[\]]", text)
