"""Errors over HTTP, as problem+json (RFC 9457). Never a traceback."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import Match

from core.errors import CallboardError, TemporaryFailure
from core.text import plain

log = structlog.get_logger()
MEDIA_TYPE = "application/problem+json"
STATUS: Mapping[str, int] = {
    "bad_input": 400,
    "bad_request": 400,
    "unauthorized": 401,
    "refused": 403,
    "not_found": 404,
    "not_allowed": 405,
    "conflict": 409,
    "too_large": 413,
    "too_many": 429,
    "broken": 500,
    "failed": 502,
    "try_again": 503,
}
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"WWW-Authenticate": "Bearer"},
    503: {"Retry-After": "2"},
}


class Problem(BaseModel):
    """What went wrong: `code` for programs, `detail` and `remedy` for people."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    remedy: str = ""


Show = Callable[[Problem], Response]


def make_problem(code: str, detail: str, remedy: str = "", status: int = 0) -> JSONResponse:
    """A problem as a response."""
    return _write_problem(describe_problem(code, detail, remedy, status))


def describe_problem(code: str, detail: str, remedy: str = "", status: int = 0) -> Problem:
    """A problem, with nothing in it that a reader would not see."""
    number = status or STATUS.get(code, 500)
    return Problem(title=code.replace("_", " "), status=number, detail=plain(detail), code=code, remedy=plain(remedy))


def _write_problem(problem: Problem) -> JSONResponse:
    return JSONResponse(problem.model_dump(), problem.status, _HEADERS.get(problem.status), media_type=MEDIA_TYPE)


def answer_problem(request: Request, problem: Problem) -> Response:
    """As JSON for programs, as a page for whoever opened one in a browser."""
    show: Show | None = getattr(request.app.state, "show_problem", None)
    wants_page = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")
    return show(problem) if show and wants_page else _write_problem(problem)


class AnsweredError(Exception):
    """A stored answer that is an error: {"error": {code, message, remedy}}."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(error.get("message", ""))
        self.error = error


def write_error(error: AnsweredError | CallboardError) -> JSONResponse:
    """One of our errors as a response."""
    return _write_problem(read_error(error))


def read_error(error: AnsweredError | CallboardError) -> Problem:
    """One of our errors as a problem."""
    if isinstance(error, AnsweredError):
        return describe_problem(error.error["code"], error.error["message"], error.error.get("remedy", ""))
    code = "try_again" if isinstance(error, TemporaryFailure) else getattr(error, "code", "failed")
    return describe_problem(code, error.message, error.remedy)


def install_problems(app: FastAPI) -> None:
    """Make every error of the app a problem."""

    @app.exception_handler(AnsweredError)
    async def _answered(request: Request, error: AnsweredError) -> Response:
        return answer_problem(request, read_error(error))

    @app.exception_handler(CallboardError)
    async def _ours(request: Request, error: CallboardError) -> Response:
        return answer_problem(request, read_error(error))

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return answer_problem(request, describe_problem("bad_input", f"{where[:200]}: {first['msg']}"[:500]))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        code = next((code for code, number in STATUS.items() if number == error.status_code), "bad_request")
        response = answer_problem(request, describe_problem(code, str(error.detail), status=error.status_code))
        response.headers.update(error.headers or {})
        if error.status_code == STATUS["not_allowed"]:
            response.headers["Allow"] = ", ".join(_list_methods(app, request))
        return response

    @app.exception_handler(Exception)
    async def _ours_to_mend(request: Request, error: Exception) -> Response:
        log.error("request failed", path=_hide_code(request.url.path), exc_info=error)
        return answer_problem(request, describe_problem("broken", "Something broke.", "The bot's log says more."))


def _hide_code(path: str) -> str:
    """A path as it may be logged: what signs somebody in is left out."""
    return "/login/…" if path.startswith("/login/") else path


def _list_methods(app: FastAPI, request: Request) -> list[str]:
    """What a path takes; the framework names the methods of the first of its routes only."""
    scopes = {method: {**request.scope, "method": method} for method in _METHODS}
    return [name for name, scope in scopes.items() if any(item.matches(scope)[0] is Match.FULL for item in app.routes)]


def list_problems(*codes: str) -> dict[int | str, dict[str, Any]]:
    """Answers with a problem, for OpenAPI."""
    return {STATUS[code]: _describe_problem(STATUS[code]) for code in codes}


def _describe_problem(number: int) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    return {"description": HTTPStatus(number).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
