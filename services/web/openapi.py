"""OpenAPI that holds: which errors a route may answer follows from what the route is.

A route with a token may answer 401, 403 and 429, one with a body 413, one with parameters or a body
422. Routes state what only they answer; nobody has to remember the rest.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from services.web import schemas

# On every route of a service; the 422 is taken away again where nothing can be wrong.
COMMON_ERRORS: schemas.Responses = {
    422: {"model": schemas.ErrorBody, "description": "Fields that do not fit, all of them."},
    503: {"model": schemas.ErrorBody, "description": "Away; repeat after `Retry-After`."},
}

_DESCRIPTIONS = {
    "401": "No token, or one that does not hold.",
    "403": "The token lacks the scope.",
    "413": "The body is over the limit.",
    "429": "Over the rate; repeat after `Retry-After`.",
}
_BODY = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}}
_RETRY_AFTER = {
    "Retry-After": {"description": "Seconds.", "required": True, "schema": {"type": "integer"}}
}
_HEADERS: dict[str, dict[str, Any]] = {
    "401": {
        "WWW-Authenticate": {
            "description": "`Bearer`.",
            "required": True,
            "schema": {"type": "string"},
        }
    },
    "429": _RETRY_AFTER,
    "503": _RETRY_AFTER,
}


class TruthfulApp(FastAPI):
    """A FastAPI whose OpenAPI has all errors of each route, with their headers."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document; made once."""
        if self.openapi_schema is None:
            for path in super().openapi()["paths"].values():
                for operation in path.values():
                    _complete(operation)
        return super().openapi()


def _complete(operation: dict[str, Any]) -> None:
    responses: dict[str, dict[str, Any]] = operation["responses"]
    secured, has_body = "security" in operation, "requestBody" in operation
    wanted = [*(["401", "403", "429"] if secured else []), *(["413"] if has_body else [])]
    for status in wanted:
        responses.setdefault(status, {"description": _DESCRIPTIONS[status], "content": _BODY})
    if not has_body and not operation.get("parameters"):
        responses.pop("422", None)
    for status, headers in _HEADERS.items():
        if status in responses:
            responses[status]["headers"] = headers
    operation["responses"] = dict(sorted(responses.items()))
