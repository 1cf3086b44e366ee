"""What the sections of all chats have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from core.settings.value import Section


class ChatSection(Section):
    """Who may talk to the bot in a chat."""

    admit: tuple[Literal["guest", "foreign", "bot", "direct"], ...] = Field(
        (),
        description="Strangers who are let in; what they may do, their role says. `direct` are people who write to the "
        "bot alone, where the platform tells less of them (Discord).",
    )
    link_emails: bool = Field(
        True,
        description="Whether a member whose confirmed address is an identity `email:…` of a person is that person.",
    )
    groups: Mapping[str, Literal["viewer", "operator", "approver", "admin"]] = Field(
        default_factory=dict, description="The role of everybody in a group of the platform, by the group's id."
    )
