"""One family of errors, one way to render them.

    AkinError
    ├── BadRequest          400
    ├── Unauthorized        401  with WWW-Authenticate
    ├── Forbidden           403
    ├── NotFound            404
    ├── Conflict            409
    ├── TooLarge            413
    ├── Unprocessable       422
    ├── TooManyRequests     429  with Retry-After
    ├── Unexpected          500
    └── Unavailable         503  with Retry-After

Each error carries its own sentence. What the rooms below raise when a server is away
(`ConnectionError` and its kin) becomes an `Unavailable` here, so that no service has to.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from services.coalescing import Overloaded
from services.telemetry.logs import request_id

log = logging.getLogger(__name__)

WITH_BODY = ("POST", "PUT", "PATCH")  # what these ask for stands in the body
RETRY_AFTER = 1  # seconds; RabbitMQ and PostgreSQL are back within a few after a restart

_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "body_too_large",
    415: "unsupported_media_type",
    422: "invalid_request",
    429: "too_many_requests",
    500: "internal_error",
    503: "unavailable",
}
_AWAY = (ConnectionError, TimeoutError, Overloaded)


class AkinError(HTTPException):
    """An answer that is not the one hoped for. It is an `HTTPException`, so FastAPI lets it through."""

    status = 500

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        details: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(self.status, message, dict(headers) if headers else None)
        self.code = code or _CODES[self.status]
        self.details = details


class BadRequest(AkinError):
    """400: understood, but it cannot be done as asked."""

    status = 400


class Unauthorized(AkinError):
    """401: no token, or one that does not hold."""

    status = 401

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message, code=code, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(AkinError):
    """403: the token lacks a scope, or the installation does not allow it."""

    status = 403


class NotFound(AkinError):
    """404: does not exist, or belongs to another workspace."""

    status = 404


class Conflict(AkinError):
    """409: the name is taken."""

    status = 409


class TooLarge(AkinError):
    """413: the body is over the limit."""

    status = 413


class Unprocessable(AkinError):
    """422: fields that do not fit, all of them in `details`."""

    status = 422


class TooManyRequests(AkinError):
    """429: over the client's rate."""

    status = 429

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message, headers={"Retry-After": str(max(1, round(retry_after + 0.5)))})


class Unexpected(AkinError):
    """500: nobody foresaw it."""

    def __init__(self) -> None:
        super().__init__("Something went wrong; the request id finds it in the logs.")


class Unavailable(AkinError):
    """503: something that is needed is away; the same request may be repeated."""

    status = 503

    def __init__(self, message: str, *, retry_after: int = RETRY_AFTER) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after)})


def render(error: HTTPException, *, method: str = "GET") -> Response:
    """Return the error body of the contract. `method` is that of the request: it tells where a parameter
    stands that both a query and a body can have, whose field is named with a dot before it."""
    status = error.status_code
    body = {
        "error": {
            "code": getattr(error, "code", None) or _CODES.get(status, "error"),
            "message": str(error.detail) or HTTPStatus(status).phrase,
            "details": [_placed(each, method) for each in getattr(error, "details", ())],
            "request_id": request_id.get(),
        }
    }
    return Response(
        orjson.dumps(body), status, headers=error.headers, media_type="application/json"
    )


def answer_to(error: Exception) -> AkinError:
    """Return what a client is told of an error; what it is not told is logged."""
    if isinstance(error, AkinError):
        return error
    if isinstance(error, _AWAY):
        log.warning("A dependency is away.", extra={"reason": str(error)})
        return Unavailable("The service is not able to do this right now; please repeat.")
    log.error("Unexpected error.", exc_info=error)
    return Unexpected()


def add_error_handlers(app: FastAPI) -> None:
    """Let every error of `app` be answered in the one form."""

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - Starlette looks handlers up by type
        if error.status_code == 400 and not isinstance(error, AkinError):
            return render(_unreadable())  # FastAPI's own: not UTF-8, nested too deep, a broken form
        return render(error, method=request.method)

    async def on_invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return render(_unprocessable(error))

    async def on_away(_: Request, error: Exception) -> Response:
        return render(answer_to(error))

    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)
    for away in _AWAY:
        app.add_exception_handler(away, on_away)


def _placed(detail: Mapping[str, Any], method: str) -> Mapping[str, Any]:
    if not detail["field"].startswith("."):
        return detail
    where = "body" if method in WITH_BODY else "query"
    return {**detail, "field": f"{where}{detail['field']}"}


def _unreadable() -> Unprocessable:
    detail = {"field": "body", "message": "cannot be read", "type": "body_invalid"}
    return Unprocessable("The request does not fit: body.", details=[detail])


def _unprocessable(error: RequestValidationError) -> Unprocessable:
    details = [_detail(e) for e in error.errors()]
    fields = ", ".join(d["field"] for d in details[:3]) + (" …" if len(details) > 3 else "")
    return Unprocessable(f"The request does not fit: {fields}.", details=details)


def _detail(error: Mapping[str, Any]) -> dict[str, Any]:
    loc = error["loc"]
    if error["type"] == "json_invalid":
        return {"field": "body", "message": error["msg"], "type": error["type"]}
    # The name of an unknown field is the client's: half a surrogate pair cannot be encoded.
    field = ".".join(map(str, loc)).encode(errors="replace").decode()
    detail = {"field": field, "message": worded(error), "type": error["type"]}
    if "position" in error.get("ctx", {}):  # of what does not parse, in characters
        detail["position"] = error["ctx"]["position"]
    index = next((part for part in loc if isinstance(part, int)), None)
    return detail if index is None else detail | {"index": index}


def worded(error: Mapping[str, Any]) -> str:
    """Return what pydantic says is wrong; of what our own validators say, without its words before it."""
    return str(error["msg"]).removeprefix("Value error, ")
