"""The style sheet, the script and the icon. Public, and kept by browsers for as long as they do not change."""

from __future__ import annotations

from functools import cache

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import RedirectResponse

from bot.web.pages.template import STATIC, name_asset

KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
router = APIRouter(include_in_schema=False)


@router.get("/static/{digest}/{name}")
async def get_asset(digest: str, name: str) -> Response:
    """One file; an old address leads nowhere."""
    if name not in _list_names() or name_asset(name) != f"/static/{digest}/{name}":
        raise HTTPException(404, "There is no such file.")
    kind = KINDS[f".{name.rpartition('.')[2]}"]
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(_read_asset(name), media_type=f"{kind}; charset=utf-8", headers=headers)


@router.get("/favicon.ico")
async def get_icon() -> Response:
    """For browsers that ask without being told."""
    return RedirectResponse(name_asset("callboard.svg"), 308)


@cache
def _list_names() -> frozenset[str]:
    return frozenset(file.name for file in STATIC.iterdir())


@cache
def _read_asset(name: str) -> bytes:
    return (STATIC / name).read_bytes()
