"""Permission rules: what agents may do without asking, what nobody is asked about, and what is never done. Pure."""

from __future__ import annotations

from core.rules.proposal import propose_rule
from core.rules.rule import Effect, Rule, parse_rule, write_rule
from core.rules.scene import Scene
from core.rules.stock import STOCKS, list_stock
from core.rules.verdict import UNNAMED, Decision, decide

__all__ = [
    "STOCKS",
    "UNNAMED",
    "Decision",
    "Effect",
    "Rule",
    "Scene",
    "decide",
    "list_stock",
    "parse_rule",
    "propose_rule",
    "write_rule",
]
