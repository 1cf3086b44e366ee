"""The one function that decides. Pure, and closed unless it says otherwise. Integrations supply facts only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.errors import Refused
from core.model import Actor, Role


@dataclass(frozen=True, slots=True)
class Facts:
    """What a platform knows of the one who acts. `direct`: they say it to the bot alone, where it knows less of them.
    `admitted` names the kinds of strangers that the settings let in."""

    guest: bool = False
    foreign: bool = False
    bot: bool = False
    direct: bool = False
    admitted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Decision:
    """Allowed or not; if not, why, and what to do about it."""

    allowed: bool
    reason: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """The least role for a verb; `own` is that of the owner of what it is done to."""

    need: Role
    own: Role


def _same(need: Role, *verbs: str) -> dict[str, Rule]:
    return {verb: Rule(need, need) for verb in verbs}


_OWNERS = ("stop", "remove", "retry", "accept", "assign", "answer")

RULES: Mapping[str, Rule] = {
    **_same(Role.VIEWER, "list", "show", "logs", "diff", "events", "help", "doctor", "project list", "project show"),
    **_same(Role.VIEWER, "me show", "me link", "me unlink"),
    **_same(Role.OPERATOR, "spawn", "send", "project use", "show here"),
    **_same(Role.APPROVER, "approve", "approve --always", "deny", "rules remove", "budget raise"),
    **_same(Role.APPROVER, "budget raise person", "budget raise project"),
    **{verb: Rule(Role.APPROVER, Role.OPERATOR) for verb in _OWNERS},
    **_same(Role.ADMIN, "budget raise day", "project add", "project remove", "reload", "backup"),
    **_same(Role.ADMIN, "remove --force", "grant"),
}

# What somebody unknown may say: the code with it is the proof of who they are.
OPEN = frozenset({"me claim", "me link"})
# Commands that look at the project in which they act, so that a role in one project opens their door.
WITHIN = frozenset({"spawn", "send", "approve", "deny", "rules remove", "budget raise", "project use", *_OWNERS})

STRANGERS = {
    "guest": "guests",
    "foreign": "people of other organisations",
    "bot": "bots",
    "direct": "people in direct messages",
}
_NEVER_FIRST = {"guest", "foreign", "bot"}
_NOBODY = Facts()
_ADMIT = "An admin can let them in by the settings of the chat."


def allow(
    actor: Actor, verb: str, rule: Rule | None, owner: str | None = None, facts: Facts = _NOBODY, project: str = ""
) -> Decision:
    """Whether the actor may do this, now. `rule` is None for a verb that nobody declared; `owner` is the person whose
    agent it is done to, None when it is done to no agent; `project` is the one in which it is done, "" for none."""
    stranger = _find_stranger(facts)
    if stranger:
        return _refuse(f"{stranger} may not use this bot.", _ADMIT)
    if actor.role is Role.NOBODY or not actor.person:
        return _refuse(f"{actor.name or 'whoever you are'} has no role here.", "Ask an admin to give you one.")
    if rule is None or Role.NOBODY in (rule.need, rule.own):
        return _refuse(f"nobody may {verb}: there is no such verb.", "`help` lists what there is.")
    is_own = owner is not None and owner == actor.person
    need = rule.own if is_own else rule.need
    role = max(actor.role, actor.projects.get(project, Role.NOBODY))
    if role >= need:
        return Decision(True)
    whose = " somebody else's agent" if not is_own and owner is not None and rule.own < rule.need else ""
    where = f" in {project}" if role > actor.role else ""
    reason = f"to {verb}{whose} takes the role {_name(need)}, and {actor.name} is {_name(role)}{where}."
    return _refuse(reason, _suggest(need, whose))


def demand(actor: Actor, verb: str, owner: str | None = None, project: str = "") -> None:
    """Raises Refused, with reason and remedy, unless the actor may do this now."""
    _require(allow(actor, verb, RULES.get(verb), owner, project=project))


def demand_role(actor: Actor, verb: str, need: Role, facts: Facts = _NOBODY) -> None:
    """As `demand`, for a command that declares its least role; what it is done to is looked at within it. A code that
    somebody says is looked at there too: whoever is none of the platform's strangers may say one."""
    if verb in OPEN:
        # Nobody becomes admin who is there as a guest, of elsewhere or a bot, whoever else is let in.
        demand_stranger(replace(facts, admitted=facts.admitted - _NEVER_FIRST) if verb == "me claim" else facts)
        return
    most = max(actor.projects, key=lambda project: actor.projects[project], default="") if verb in WITHIN else ""
    _require(allow(actor, verb, Rule(need, need), None, facts, most))


def demand_stranger(facts: Facts) -> None:
    """Raises Refused for one who is let in by no role, because of what the platform knows of them."""
    if stranger := _find_stranger(facts):
        _require(_refuse(f"{stranger} may not use this bot.", _ADMIT))


def _require(decision: Decision) -> None:
    if not decision.allowed:
        raise Refused(decision.reason, remedy=decision.remedy)


def _refuse(reason: str, remedy: str) -> Decision:
    return Decision(False, reason[0].upper() + reason[1:], remedy)


def _find_stranger(facts: Facts) -> str:
    present = {"guest": facts.guest, "foreign": facts.foreign, "bot": facts.bot, "direct": facts.direct}
    found = [kind for kind, is_one in present.items() if is_one and kind not in facts.admitted]
    return STRANGERS[found[0]] if found else ""


def _suggest(need: Role, whose: str) -> str:
    return f"Ask its owner or an {_name(need)}." if whose else f"Ask an {_name(need)}."


def _name(role: Role) -> str:
    return role.name.lower()
