"""Query parameters that a route does not have are refused, as unknown fields of bodies are: a misspelt
`filtr=` would else answer with a list that nobody asked for."""

from __future__ import annotations

from fastapi import Request
from fastapi.routing import APIRoute

from services.web.errors import Unprocessable


async def refuse_unknown_parameters(request: Request) -> None:
    """Raise `Unprocessable` for names that the route does not know; a route without any takes none."""
    route = request.scope.get("route")
    if not request.scope["query_string"] or not isinstance(route, APIRoute):
        return
    known = known_parameters(route)
    unknown = [name for name in dict.fromkeys(request.query_params) if name not in known]
    if known and unknown:
        # What the client wrote may hold half a surrogate pair, which cannot be encoded.
        names = [name.encode(errors="replace").decode() for name in unknown]
        told = f"unknown; known: {', '.join(sorted(known))}"
        details = [
            {"field": f"query.{name}", "message": told, "type": "extra_forbidden"} for name in names
        ]
        fields = ", ".join(detail["field"] for detail in details)
        raise Unprocessable(f"The request does not fit: {fields}.", details=details)


def known_parameters(route: APIRoute) -> frozenset[str]:
    """Return the names of the route's query parameters."""
    return frozenset(field.alias for field in route.dependant.query_params)
