"""What agents may use, as it is set; and what that makes for the agents of one project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pydantic import Field

from core.budgets import Budget, Measure, Plan
from core.settings.problem import fault
from core.settings.value import Amount, Count, Section

if TYPE_CHECKING:
    from core.settings.model import Settings

_MONEY = "US dollars, as far as the agent tells; empty: no limit."
_TOKENS = "Tokens, as far as the agent tells; empty: no limit."


class AgentBudgetSettings(Section):
    """What one agent may use, all its life. An approver can raise it for an agent."""

    money: Amount | None = Field(10.0, gt=0, le=1_000_000, allow_inf_nan=False, description=_MONEY)
    minutes: Amount | None = Field(
        None, gt=0, le=1_000_000, allow_inf_nan=False, description="Minutes of work; empty: `limits.minutes`."
    )
    turns: Count | None = Field(None, ge=1, le=1_000_000, description="Turns; empty: `limits.turns`.")
    tokens: Count | None = Field(None, ge=1, le=10**12, description=_TOKENS)


class DayBudgetSettings(Section):
    """What the agents of one person, or of one project, may use together in a day."""

    money: Amount | None = Field(None, gt=0, le=1_000_000, allow_inf_nan=False, description=_MONEY)
    minutes: Amount | None = Field(
        None, gt=0, le=1_000_000, allow_inf_nan=False, description="Minutes of work; empty: no limit."
    )
    turns: Count | None = Field(None, ge=1, le=1_000_000, description="Turns; empty: no limit.")
    tokens: Count | None = Field(None, ge=1, le=10**12, description=_TOKENS)


class TotalBudgetSettings(DayBudgetSettings):
    """What all agents may use together in a day."""

    money: Amount | None = Field(100.0, gt=0, le=1_000_000, allow_inf_nan=False, description=_MONEY)


class BudgetSettings(Section):
    """What agents may use. At 80 % people are told, at 100 % the agent comes to rest with its work kept."""

    agent: AgentBudgetSettings = Field(default_factory=AgentBudgetSettings)
    person_day: DayBudgetSettings = Field(default_factory=DayBudgetSettings)
    project_day: DayBudgetSettings = Field(default_factory=DayBudgetSettings)
    day: TotalBudgetSettings = Field(default_factory=TotalBudgetSettings)


class OwnBudgetSettings(Section):
    """What is different for this project. What is left out is as for all."""

    money: Amount | None = Field(
        None, gt=0, le=1_000_000, allow_inf_nan=False, description="US dollars; empty: as for all."
    )
    minutes: Amount | None = Field(
        None, gt=0, le=1_000_000, allow_inf_nan=False, description="Minutes of work; empty: as for all."
    )
    turns: Count | None = Field(None, ge=1, le=1_000_000, description="Turns; empty: as for all.")
    tokens: Count | None = Field(None, ge=1, le=10**12, description="Tokens; empty: as for all.")


class ProjectBudgetSettings(Section):
    """Budgets of this project: of each of its agents, and of all of them in a day."""

    agent: OwnBudgetSettings = Field(default_factory=OwnBudgetSettings)
    day: OwnBudgetSettings = Field(default_factory=OwnBudgetSettings)


def read_plan(settings: Settings, project: str) -> Plan:
    """The budgets of a project's agents; those for all where it is not among the settings."""
    general, limits = settings.budgets, settings.limits
    own = settings.projects[project].budget if project in settings.projects else ProjectBudgetSettings()
    agent = _merge(general.agent, own.agent)
    return Plan(
        agent=Budget(
            money=agent.money,
            minutes=limits.minutes if agent.minutes is None else agent.minutes,
            turns=limits.turns if agent.turns is None else agent.turns,
            tokens=agent.tokens,
        ),
        person_day=_merge(general.person_day, OwnBudgetSettings()),
        project_day=_merge(general.project_day, own.day),
        day=_merge(general.day, OwnBudgetSettings()),
    )


def _merge(general: Section, own: Section) -> Budget:
    return Budget(**{what.value: _choose(getattr(own, what), getattr(general, what)) for what in Measure})


def _choose(own: Any, general: Any) -> Any:
    return general if own is None else own


def check_zone(value: str) -> str:
    """The name of a time zone. Raises for one that is not known."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise fault("this is not a time zone.", "Write UTC, or a name such as Europe/Berlin.") from None
    return value
