"""docs/reference/http.md, from the OpenAPI description of the app."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from bot.reference.markdown import join_code, write_head, write_table
from bot.web.server import LoopLag, make_app

ABOUT = """`GET /api/v1/openapi.json` describes all of it in full; [the guide](../http.md) shows it in use. Everything
under `/api/v1` but that description takes a bearer token."""


def write_http() -> str:
    """The page: every path with its methods."""
    described = describe_app()
    rows = [row for path, item in described["paths"].items() for row in _list_rows(path, item)]
    head = write_head("HTTP API", "bot/web", ABOUT)
    return f"{head}\n{write_table(('call', 'what it does', 'query', 'body'), rows)}\n"


def describe_app() -> dict[str, Any]:
    """The OpenAPI description; nothing of the app runs."""
    unused = cast("Any", None)
    return make_app(unused, unused, unused, unused, LoopLag()).openapi()


def _list_rows(path: str, item: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for method, call in item.items():
        about = re.split(r"\n\n", call.get("description") or call.get("summary", ""))[0]
        query = join_code(part["name"] for part in call.get("parameters", ()) if part["in"] == "query")
        body = call.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        yield f"`{method.upper()} {path}`", about, query, _name_schema(body)


def _name_schema(schema: Mapping[str, Any]) -> str:
    name = schema.get("$ref", "").rpartition("/")[2]
    return f"`{name}`" if name else ""
