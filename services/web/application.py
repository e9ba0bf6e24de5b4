"""The application factory: services become one ASGI application, alone or together."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.routing import APIRoute

from services.telemetry import logs
from services.telemetry.http_metrics import instrument
from services.web import schemas
from services.web.config import PlatformSettings
from services.web.direct import Direct, DirectRoute
from services.web.edge import Edge
from services.web.errors import RETRY_AFTER, add_error_handlers
from services.web.openapi import COMMON_ERRORS, TruthfulApp
from services.web.parameters import refuse_unknown_parameters
from services.web.resources import Resources, open_resources

# Objects that may be made before Python looks for dead cycles among them. A request makes thousands and
# few cycles; at the default of 700 the looking took a fifth of `POST /events` (docs/benchmarks.md).
YOUNG = 10_000

Start = Callable[[FastAPI, Resources], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class Service:
    """One service: its routes, and how it starts.

    `start` connects what the service needs, puts the service's object on `app.state` and
    cleans up at the end; nothing connects before it. `direct` are the endpoints of the hot routes,
    which are served ahead of FastAPI's machinery (see `services.web.direct`).
    """

    name: str
    title: str
    routers: Sequence[APIRouter]
    start: Start
    body_limits: Mapping[str, int] = field(default_factory=dict)
    direct: Sequence[Callable[..., object]] = ()


def create_app(*services: Service, settings: PlatformSettings | None = None) -> FastAPI:
    """Return one application that serves all of `services`; their paths are disjoint."""
    settings = settings or PlatformSettings()
    name = services[0].name if len(services) == 1 else "embedded"

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
        logs.configure(service=name, level=settings.log_level, style=settings.log_style)
        async with open_resources(settings) as resources, AsyncExitStack() as started:
            app.state.health = resources.health
            app.state.gate = await resources.gate()
            for service in services:
                await started.enter_async_context(service.start(app, resources))
            yield

    app = TruthfulApp(
        title="Akin" if len(services) > 1 else f"Akin: {services[0].title}",
        version=version("akin"),
        lifespan=lifespan,
        generate_unique_id_function=_operation_id,
        redirect_slashes=False,
    )
    for service in services:
        for router in service.routers:
            app.include_router(
                router,
                tags=[service.name],
                responses=COMMON_ERRORS,
                dependencies=[Depends(refuse_unknown_parameters)],
            )
    app.include_router(_health)
    add_error_handlers(app)
    hot = [r for s in services for each in s.routers for r in direct_routes(each, s.direct)]
    app.add_middleware(Direct, routes=hot)
    limits = {path: limit for s in services for path, limit in s.body_limits.items()}
    app.add_middleware(Edge, body_limits=limits)
    instrument(app)
    return app


def direct_routes(
    router: APIRouter, endpoints: Sequence[Callable[..., object]]
) -> list[DirectRoute]:
    """Return the direct routes to these endpoints of a router."""
    routes = (route for route in router.routes if isinstance(route, APIRoute))
    return [DirectRoute(route) for route in routes if route.endpoint in endpoints]


def _operation_id(route: APIRoute) -> str:
    return route.name


_health = APIRouter(tags=["health"])
_UNHEALTHY: schemas.Responses = {
    503: {"model": schemas.Health, "description": "Not now; `checks` names what does not answer."}
}


@_health.get("/healthcheck", response_model=schemas.Health, responses=_UNHEALTHY)
async def healthcheck(request: Request, response: Response) -> schemas.Health:
    """Tell whether the process lives and its dependencies answer; 503 names the one that does not."""
    return await _report(request, response, readiness=False)


@_health.get("/ready", response_model=schemas.Health, responses=_UNHEALTHY)
async def ready(request: Request, response: Response) -> schemas.Health:
    """Tell whether requests are welcome: alive, and the schema and the catalogue are there."""
    return await _report(request, response, readiness=True)


async def _report(request: Request, response: Response, *, readiness: bool) -> schemas.Health:
    healthy, checks = await request.app.state.health.report(readiness=readiness)
    if not healthy:
        response.status_code = 503
        response.headers["Retry-After"] = str(RETRY_AFTER)
    return schemas.Health(status="ok" if healthy else "unavailable", checks=checks)
