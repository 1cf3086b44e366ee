"""The OpenAPI description: what FastAPI finds, without what this API never answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from bot.web.problems import Problem

TAGS = {
    "commands": "Every command, by name.",
    "agents": "Agents and what becomes of them.",
    "requests": "What agents ask people.",
    "events": "What happened, as a list and as a stream.",
    "house": "Projects, kinds of agents, people.",
    "process": "The bot's own health. Without a token.",
}
_UNUSED = ("HTTPValidationError", "ValidationError")


def name_operation(route: APIRoute) -> str:
    """The operation id: the function's name."""
    return route.name


def install_description(app: FastAPI) -> None:
    """Let the app describe itself so. Made once, when first asked for."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _describe_app(app)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]


def _describe_app(app: FastAPI) -> dict[str, Any]:
    tags = [{"name": name, "description": about} for name, about in TAGS.items()]
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes, tags=tags)
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    schemas[Problem.__name__] = Problem.model_json_schema()
    for name in _UNUSED:
        schemas.pop(name, None)
    for call in _list_calls(found):
        # What does not fit is a 400 problem here, never FastAPI's own 422.
        call["responses"].pop("422", None)
        call["summary"] = call.get("description", call["summary"]).partition("\n")[0].rstrip(".")
    return found


def _list_calls(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in found["paths"].values():
        yield from methods.values()
