"""The tools that every agent is handed: `ask_human` and `report`, as a small MCP server that reaches the bot."""

from __future__ import annotations

from core.interfaces import Integration

integration = Integration(
    always=True, name="mcp", about="Hands every agent two tools: ask a person, and report what it does."
)
