from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from prometheus_client import REGISTRY

from services.telemetry.http_metrics import instrument


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app, router = FastAPI(), APIRouter()

    @router.get("/measured/{name}")
    async def measured(name: str) -> str:
        if name == "broken":
            raise ValueError(name)
        return name

    app.include_router(router)
    instrument(app)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://akin") as client:
        yield client


def counted(method: str, handler: str, status: str) -> float:
    labels = {"method": method, "handler": handler, "status": status}
    return REGISTRY.get_sample_value("http_requests_total", labels) or 0.0


async def test_counts_by_the_routes_template_and_not_by_the_path(
    client: httpx.AsyncClient,
) -> None:
    before = counted("GET", "/measured/{name}", "2xx")
    for name in ("ada", "bob"):
        await client.get(f"/measured/{name}")
    assert counted("GET", "/measured/{name}", "2xx") == before + 2
    assert "/measured/ada" not in (await client.get("/metrics")).text


async def test_counts_what_breaks_and_what_has_no_route(client: httpx.AsyncClient) -> None:
    broken = counted("GET", "/measured/{name}", "5xx")
    lost = counted("GET", "none", "4xx")
    await client.get("/measured/broken")
    for path in ("/nothing", "/else"):
        await client.get(path)
    assert counted("GET", "/measured/{name}", "5xx") == broken + 1
    assert counted("GET", "none", "4xx") == lost + 2


async def test_made_up_methods_share_one_label(client: httpx.AsyncClient) -> None:
    before = counted("other", "none", "4xx")
    for method in ("BREW", "STEEP"):
        await client.request(method, "/nothing")
    assert counted("other", "none", "4xx") == before + 2
    assert "BREW" not in (await client.get("/metrics")).text


async def test_measures_durations_in_buckets_that_can_state_the_objectives(
    client: httpx.AsyncClient,
) -> None:
    await client.get("/measured/ada")
    text = (await client.get("/metrics")).text
    for bound in ("0.005", "0.05", "1.0"):
        assert f'handler="/measured/{{name}}",le="{bound}",method="GET",status="2xx"' in text
