"""Schemathesis over every route, in both profiles: nothing makes a 5xx, and OpenAPI tells the truth.

Inputs come from the schemas, right and wrong ones, always the same: a failure can be repeated. The
services run in a thread with a loop of its own, because schemathesis calls them as a blocking client.
"""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests
import schemathesis
import uvicorn
from fastapi import FastAPI
from schemathesis.checks import CHECKS

from services import database
from services.accounts.app import service as accounts
from services.anomaly_similarity.app import service as anomaly_similarity
from services.embedded import app as embedded
from services.event_collector.app import service as event_collector
from services.recommendations.app import service as recommendations
from services.recommendations.worker import service as worker
from services.web.application import create_app
from services.web.config import PlatformSettings
from tests.integration.http.stage import Platform

schema = schemathesis.openapi.from_dict(embedded.openapi())  # it has all routes of all services
schema.config.generation.max_examples = 20
schema.config.generation.deterministic = True
schema.config.generation.database = "none"
# It would learn from the answers, and each run would be another one.
schema.config.phases.fuzzing.extra_data_sources.responses = False
schema.config.phases.fuzzing.error_feedback.is_enabled = False
schema.config.phases.coverage.extra_data_sources.responses = False
# Wrong and too large at once may be answered with either.
schema.config.checks.negative_data_rejection.expected_statuses.append("413")

# Right by JSON Schema, and yet refused: lists of different lengths, a rating without a value, neither user
# nor history, a filter that does not parse, a scenario that there is not, a time before 1970, a cursor that is not ours, a
# description of spaces, an id that stands twice, a verdict on itself, a callback where nothing is signed, a term of
# two words, a file without the mapped columns, a body that is too large.
MORE_RULES = {
    "POST /interact",
    "POST /events",
    "POST /verdicts",
    "POST /add_items",
    "POST /recommendations",
    "PUT /items/{item_id}",
    "PATCH /items/{item_id}",
    "GET /items",
    "GET /users/{user_id}/history",
    "GET /recs/{user_id}",
    "POST /recs/batch",
    "POST /sessions/recommendations",
    "PUT /rules/{name}",
    "PUT /scenarios/{name}",
    "GET /experiments",
    "PUT /experiments/{name}",
    "GET /clients",
    "POST /models/{name}/rollback",
    "POST /token",
    "POST /create-client",
    "POST /anomalies",
    "GET /anomalies",
    "PUT /anomalies/{anomaly_id}",
    "POST /anomalies/import",
    "POST /similarities",
    "POST /similarities/search",
    "POST /components",
    "GET /components",
    "POST /profiles",
    "GET /profiles",
    "GET /vocabulary",
    "PUT /vocabulary/{term}",
}


# Ids may hold slashes: to `DELETE /users/{user_id}` this is another user, "ada/history".
BELOW_AN_ID = {
    "GET /users/{user_id}/history",
    "GET /users/{user_id}/why/{item_id}",
    "GET /items/{item_id}/similar",
}


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve the app from a thread and give its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def session(settings: PlatformSettings) -> Iterator[requests.Session]:
    """A client of all services in one process, with every scope in a workspace of its own."""
    asyncio.run(database.migrate(settings.database))
    services = (accounts, event_collector, anomaly_similarity, recommendations, worker)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AKIN_RECOMMENDATIONS_ALLOW_CLEANUP", "true")
        patch.setenv("AKIN_ACCOUNTS_REGISTRATION", "closed")
        for limit in ("LOGINS", "REGISTRATIONS"):
            patch.setenv(f"AKIN_ACCOUNTS_{limit}_PER_SECOND", "0")
        app = create_app(*services, settings=settings)
        with serving(app) as address, requests.Session() as client:
            platform = Platform(settings, [app])
            workspace = f"test-{uuid.uuid4().hex[:12]}"
            client.headers["authorization"] = f"Bearer {platform.token(workspace)}"
            client.base_url = address
            yield client


@schema.parametrize()
def test_openapi_tells_the_truth(case: schemathesis.Case, session: requests.Session) -> None:
    excluded = [
        CHECKS.get_one("allow_header_conformance")
    ]  # Starlette names the first route's alone
    if (
        case.method == "GET"
    ):  # in a URL all is text: what is of a wrong type may read as a right one
        excluded.append(CHECKS.get_one("negative_data_rejection"))
    if case.operation.label in BELOW_AN_ID:
        excluded.append(CHECKS.get_one("unsupported_method"))
    if case.operation.label in MORE_RULES:
        excluded.append(CHECKS.get_one("positive_data_acceptance"))
    case.call_and_validate(base_url=session.base_url, session=session, excluded_checks=excluded)
