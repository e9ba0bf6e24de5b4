"""Direct routes: well-formed requests to hot routes, without FastAPI's machinery around them.

FastAPI solves a route's parameters anew for every request; for a POST that publishes one event that took
two thirds of the time (docs/benchmarks.md). A direct route reads them once, at the start, and then goes
from the bytes to the endpoint in one step. What does not fit (a body, a parameter, a content type) is left
to FastAPI's own route, which stays the only one that words such errors and that OpenAPI shows. What the
endpoint raises is the edge's to answer.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from copy import copy
from typing import Annotated, Any, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

from fastapi import params
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Value = Callable[[str], Any]  # a text from the path or the query → what the endpoint takes
Dependency = Callable[[Request], Awaitable[Any]]


class _NotDirect(Exception):
    """Something that FastAPI has to answer."""


class Direct:
    """Middleware right before `app`: serves what `routes` can, and leaves the rest to it."""

    def __init__(self, app: ASGIApp, *, routes: Sequence[DirectRoute]) -> None:
        self.app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let FastAPI answer."""
        for route in self._routes:
            if route.takes(scope):
                break
        else:
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        again = receive
        try:
            try:
                given = await route.read(request)
            except (ValidationError, _NotDirect):
                given = None
                again = _replayed(await request.body()) if route.has_body else receive
        except ClientDisconnect:
            return  # nobody is left to answer
        if given is None:
            await self.app(scope, again, send)
            return
        response = await route.endpoint(**given)
        await response(scope, receive, send)


class DirectRoute:
    """How the requests of `route` reach its endpoint. Overrides of dependencies do not hold here.

    The endpoint's parameters may be dependencies on the request alone, one pydantic model as JSON body,
    and path and query parameters; a list in the query is left to FastAPI.

    Raises:
        TypeError: the endpoint has a parameter of another kind.
    """

    def __init__(self, route: APIRoute) -> None:
        self.endpoint: Callable[..., Awaitable[Response]] = route.endpoint
        self._route = route
        self._methods = route.methods or set()
        self._dependencies: dict[str, Dependency] = {}
        self._bodies: dict[str, type[BaseModel]] = {}
        self._in_path: dict[str, Value] = {}
        self._in_query: dict[str, Value] = {}
        self._defaults: dict[str, Any] = {}
        hints = get_type_hints(route.endpoint, include_extras=True)
        for name, parameter in inspect.signature(route.endpoint).parameters.items():
            self._read(name, hints[name], parameter.default)

    @property
    def has_body(self) -> bool:
        """Tell whether the endpoint reads the body."""
        return bool(self._bodies)

    def _read(self, name: str, hint: Any, default: Any) -> None:
        extras = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
        depends = next((extra for extra in extras if isinstance(extra, params.Depends)), None)
        if depends is not None and depends.dependency is not None:
            self._dependencies[name] = _on_request_alone(depends.dependency)
        elif inspect.isclass(hint) and issubclass(hint, BaseModel):
            self._bodies[name] = hint
        elif name in self._route.param_convertors:
            self._in_path[name] = TypeAdapter(hint).validate_python
        elif default is not inspect.Parameter.empty:
            self._in_query[name] = (
                _list_is_not_direct if _is_list(hint) else TypeAdapter(hint).validate_python
            )
            self._defaults[name] = default
        else:
            raise TypeError(f"'{name}' of {self._route.path} has no place in a direct route.")

    def takes(self, scope: Scope) -> bool:
        """Tell, and note in the scope, that a request is this route's.

        Its own method and path, unless the application is mounted below another.
        """
        if (
            scope["type"] != "http"
            or scope["method"] not in self._methods
            or scope.get("root_path")
        ):
            return False
        found = self._route.path_regex.match(scope["path"])
        if found is None:
            return False
        scope["path_params"], scope["route"] = found.groupdict(), self._route
        return True

    async def read(self, request: Request) -> dict[str, Any]:
        """Return what the endpoint takes.

        Raises:
            ValidationError, _NotDirect: FastAPI has to answer.
            Exception: what the dependencies raise.
        """
        given = self._parameters(request.scope)
        for name, dependency in self._dependencies.items():
            given[name] = await dependency(request)
        for name, model in self._bodies.items():
            given[name] = model.model_validate_json(await _json(request))
        return given

    def _parameters(self, scope: Scope) -> dict[str, Any]:
        in_path, query = scope["path_params"], scope["query_string"]
        given = {name: value(in_path[name]) for name, value in self._in_path.items()}
        for name, default in self._defaults.items():
            given[name] = copy(default)
        if query and self._in_query:
            texts = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
            if texts.keys() - self._in_query.keys():
                raise _NotDirect
            for name, text in texts.items():
                given[name] = self._in_query[name](text)
        return given


def _on_request_alone(dependency: Callable[..., Any]) -> Dependency:
    if len(inspect.signature(dependency).parameters) != 1:
        raise TypeError(f"{dependency} must depend on the request alone.")
    return dependency


def _is_list(hint: Any) -> bool:
    plain = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    return get_origin(plain) is list


def _list_is_not_direct(_: str) -> Any:
    raise _NotDirect


async def _json(request: Request) -> bytes:
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "application/json":
        raise _NotDirect
    return await request.body()


def _replayed(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
