"""Decides an ask by rules. Pure: what the disk says is asked of the Scene.

A deny rule that fits wins wherever it stands, and one that cannot be ruled out lets nothing be allowed. Else the first
rule that fits decides; without one, people are asked. So no rule that is added widens what a deny rule closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import itemgetter

from core.interfaces import Ask
from core.quorum import Part, merge_parts
from core.rules.host import fits_host, match_host
from core.rules.match import match_command
from core.rules.matter import Matter, list_paths, read_matter, set_folder
from core.rules.part import HOLE
from core.rules.place import fits_glob, is_inside, match_path
from core.rules.rule import Effect, Rule
from core.rules.scene import Match, Scene, look_alike

UNNAMED = "no rule allows it"
_PATHS_TOLD = ("read", "edit", "delete", "move")


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done, and why. `number` is the rule's place from 1, 0 when no rule decides. `approvers` are those of all
    rules that ask about some of it; `whole`: one of these rules alone names all of it."""

    effect: Effect
    why: str
    number: int = 0
    rule: Rule | None = None
    approvers: tuple[Part, ...] = ()
    whole: bool = False

    @property
    def by(self) -> str:
        """Who answers, for records: `rule 3: deny: {command: "git push"}`."""
        return f"rule {self.number}: {self.rule}" if self.rule else "no rule"


def decide(ask: Ask, rules: Sequence[Rule], scene: Scene) -> Decision:
    """What happens to an ask where these rules, in order, are in force."""
    scene = set_folder(ask, replace(scene, resolve=lru_cache(maxsize=4096)(scene.resolve)))
    matter = read_matter(ask)
    numbered = list(enumerate(rules, 1))
    denials = [(number, rule, *weigh(rule, matter, scene)) for number, rule in numbered if rule.effect is Effect.DENY]
    worst = max(denials, key=_rank_denial, default=None)
    if worst and worst[2] is Match.YES:
        return Decision(Effect.DENY, f"{_show(worst[3])} is denied", worst[0], worst[1])
    decision = _ask_or_allow(worst, numbered, matter, scene)
    return _add_approvers(decision, rules, matter, scene) if decision.effect is Effect.ASK else decision


def _ask_or_allow(
    worst: tuple[int, Rule, Match, str] | None, numbered: Sequence[tuple[int, Rule]], matter: Matter, scene: Scene
) -> Decision:
    if worst and worst[2] is Match.MAYBE:
        return Decision(Effect.ASK, f"it cannot be ruled out: {_show(worst[3])}", worst[0], worst[1])
    for number, rule in numbered:
        if decision := _apply(rule, number, matter, scene):
            return decision
    reason = matter.doubt or _find_outside(matter, scene)
    return Decision(Effect.ASK, f"{UNNAMED}{f': {reason}' if reason else ''}")


def _add_approvers(decision: Decision, rules: Sequence[Rule], matter: Matter, scene: Scene) -> Decision:
    """The rules that name something of it say who approves, up to the first that names all of it: so nothing that is
    put beside it makes it need fewer."""
    parts: list[Part] = []
    if not any(rule.approvers for rule in rules):
        return decision
    for rule in rules:
        if rule.effect is Effect.ASK and weigh(rule, matter, scene)[0]:
            parts += rule.approvers
        if rule.effect is not Effect.DENY and _covers(rule, matter, scene):
            whole = bool(rule.approvers) and len(parts) == len(rule.approvers)
            return replace(decision, approvers=merge_parts(parts), whole=whole)
    return replace(decision, approvers=merge_parts(parts))


def _covers(rule: Rule, matter: Matter, scene: Scene) -> bool:
    """Whether a rule names all that is asked, for certain."""
    is_bare = not (rule.tool or rule.command or rule.exactly or rule.path or rule.host)
    return is_bare or permits(rule, matter, scene)


def _rank_denial(denial: tuple[int, Rule, Match, str]) -> tuple[Match, bool]:
    """The surest, and of those one that names a command."""
    return denial[2], bool(denial[1].command)


def _find_outside(matter: Matter, scene: Scene) -> str:
    words = [*matter.named, *(path for word in matter.argv[1:] for path in list_paths(word))]
    outside = next((path for path in words if not is_inside(path, scene)), "")
    return f"`{outside}` is outside of the worktree" if outside else ""


def _apply(rule: Rule, number: int, matter: Matter, scene: Scene) -> Decision | None:
    if rule.effect is Effect.ASK:
        match, what = weigh(rule, matter, scene)
        return Decision(Effect.ASK, f"people are asked about {_show(what)}", number, rule) if match else None
    if rule.effect is Effect.ALLOW and permits(rule, matter, scene):
        return Decision(Effect.ALLOW, f"{_describe(matter)} is allowed", number, rule)
    return None


def _show(text: str) -> str:
    return text.replace(HOLE, "…")


def _describe(matter: Matter) -> str:
    if matter.argv:
        return f"`{' '.join(matter.argv)}`"
    return ", ".join(list(dict.fromkeys([*matter.named, *matter.hosts]))[:3]) or matter.tool


# ------------------------------------------------------------------------------------------------------ ask and deny


def weigh(rule: Rule, matter: Matter, scene: Scene) -> tuple[Match, str]:
    """How surely an ask or deny rule names what is asked, and which part of it."""
    found = [
        *([_weigh_tool(rule, matter)] if rule.tool else []),
        *([_weigh_command(rule.command or rule.exactly, matter, scene)] if rule.command or rule.exactly else []),
        *([_weigh_path(rule.path, matter, scene)] if rule.path else []),
        *([_weigh_host(rule.host, matter)] if rule.host else []),
    ]
    if not found:
        return Match.YES, "everything"
    least = min(match for match, _ in found)
    return least, next((what for match, what in reversed(found) if match is least and what), found[-1][1])


def _weigh_tool(rule: Rule, matter: Matter) -> tuple[Match, str]:
    is_named = rule.tool == matter.tool or (rule.tool == "execute" and matter.has_command)
    return (Match.YES if is_named else Match.NO), f"the tool {matter.tool}"


def _weigh_command(words: Sequence[str], matter: Matter, scene: Scene) -> tuple[Match, str]:
    if matter.has_command:
        match, part = match_command(words, matter.parts, scene)
        return match, f"`{part}`" if part else ""
    if matter.tool in ("other", "execute") and any(_mentions(words[0], text) for text in matter.texts):
        return Match.MAYBE, f"`{words[0]}` is named in what the agent says"
    return Match.NO, ""


def _mentions(program: str, text: str) -> bool:
    name = program.rpartition("/")[2]
    return any(look_alike(name, word.strip("`\"'();:,.{}[]").rpartition("/")[2]) for word in text.split()[:500])


def _weigh_path(glob: str, matter: Matter, scene: Scene) -> tuple[Match, str]:
    found = [(match_path(glob, path, scene), f"`{path}`") for path in matter.paths]
    return max(found, key=itemgetter(0), default=(Match.NO, ""))


def _weigh_host(glob: str, matter: Matter) -> tuple[Match, str]:
    found = [(match_host(glob, [text]), f"`{' '.join(text.split())[:80]}`") for text in matter.texts]
    return max(found, key=itemgetter(0), default=(Match.NO, ""))


# ------------------------------------------------------------------------------------------------------------- allow


def permits(rule: Rule, matter: Matter, scene: Scene) -> bool:
    """Whether an allow rule names all that is asked, for certain."""
    if matter.tool == "execute" and not matter.has_command:
        return False
    if matter.doubt or not is_inside(scene.folder or scene.worktree, scene):
        return False
    if rule.tool and rule.tool != matter.tool:
        return False
    if matter.has_command:
        return _permits_command(rule, matter, scene)
    if rule.command or rule.exactly:
        return False
    return _permits_paths(rule, matter, scene) and _permits_hosts(rule, matter)


def _permits_command(rule: Rule, matter: Matter, scene: Scene) -> bool:
    argv = list(matter.argv)
    if not argv or rule.path or rule.host:
        return False
    if rule.exactly:
        return argv == list(rule.exactly) and all(is_inside(path, scene) for path in matter.named)
    if not (rule.command or rule.tool == "execute") or argv[: len(rule.command)] != list(rule.command):
        return False
    rest = argv[len(rule.command) :] if rule.command else [word for word in argv if word != argv[0] or "/" in word]
    paths = [*matter.named, *(path for word in rest for path in list_paths(word))]
    return all(is_inside(path, scene) for path in paths)


def _permits_paths(rule: Rule, matter: Matter, scene: Scene) -> bool:
    if matter.tool in _PATHS_TOLD and not matter.named:
        return False
    if not all(is_inside(path, scene) for path in matter.paths):
        return False
    if rule.path:
        return bool(matter.named) and all(fits_glob(rule.path, path, scene) for path in matter.named)
    return True


def _permits_hosts(rule: Rule, matter: Matter) -> bool:
    if rule.host and not rule.tool and matter.tool != "fetch":
        return False
    if not rule.host:
        return matter.tool != "fetch" or (bool(matter.hosts) and bool(rule.tool))
    return bool(matter.hosts) and all(fits_host(rule.host, host) for host in matter.hosts)
