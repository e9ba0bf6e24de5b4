"""What clients ask about similar anomalies, and the answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import AfterValidator, ConfigDict, Field, HttpUrl, UrlConstraints

from services.anomaly_similarity.answers import DEFAULT_LIMIT, Filters
from services.anomaly_similarity.schemas import (
    MAX_ATTRIBUTES,
    Description,
    Ids,
    Name,
    Severity,
    Value,
)
from services.web.schemas import Id, Schema, Time

DEFAULT_USER = "DefaultUser"
MAX_LIMIT = 50  # cases in an answer
MAX_URL = 2_000  # characters
LONGEST_WAIT = 30.0  # seconds; proxies give up after 60

UserName = Annotated[Id, Field(examples=["ada"])]
AskedUser = Annotated[Id, Query(examples=["ada"])]
TaskId = Annotated[Id, Query(examples=["0193f2a15c7e0b4d9f31c2a07be45d88"])]
Wait = Annotated[
    float,
    Query(
        ge=0, le=LONGEST_WAIT, allow_inf_nan=False, description="Seconds to wait for the answer."
    ),
]
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT, description="How many cases.")]


def _anonymous(url: HttpUrl) -> HttpUrl:
    if url.username or url.password:
        raise ValueError("must have no user name and no password")
    return url


CallbackUrl = Annotated[
    HttpUrl,
    UrlConstraints(max_length=MAX_URL, allowed_schemes=["http", "https"]),
    AfterValidator(_anonymous),
    Field(examples=["https://plant.example/akin"]),
]


class FiltersIn(Schema):
    """Which past cases may be found; what is left out narrows nothing."""

    severity: Severity | None = None
    component: Id | None = None
    product: Id | None = None
    since: Time | None = Field(default=None, alias="from", description="The earliest time.")
    before: Time | None = Field(
        default=None, alias="to", description="The time before which it occurred."
    )

    def filters(self) -> Filters:
        """Return them as the search takes them."""
        return Filters(**dict(self))


class Question(Schema):
    """How many cases, and which; as it is stored with a request."""

    limit: Limit = DEFAULT_LIMIT
    filters: FiltersIn = FiltersIn()


class Ask(Question):
    """A request for the anomalies that are similar to a recorded one."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "anomaly_id": "wo-1",
                    "user_name": "ada",
                    "limit": 5,
                    "filters": {"severity": "high"},
                }
            ]
        }
    )

    anomaly_id: Id
    user_name: UserName = DEFAULT_USER
    callback_url: CallbackUrl | None = Field(
        default=None, description="Where to say that the answer is there."
    )


class Search(Question):
    """What is known of a fault that is not recorded."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"description": "Bucket won't open", "limit": 3}]}
    )

    description: Description
    severity: Severity | None = None
    recommended_product: Id | None = None
    component_ids: Ids = []
    attributes: Annotated[
        dict[Name, Value],
        Field(
            max_length=MAX_ATTRIBUTES,
            json_schema_extra={"additionalProperties": False, "propertyNames": {"maxLength": 100}},
        ),
    ] = {}


class Accepted(Schema):
    """Where the answer will be: `GET /similarities?task_result_id=…&user_name=…`."""

    task_result_id: str = Field(examples=["0193f2a15c7e0b4d9f31c2a07be45d88"])
    user_name: str = Field(examples=["ada"])


class Person(Schema):
    """Somebody whom a case names."""

    user_name: str
    role: str | None
    email: str | None


class Component(Schema):
    """A component that a case names."""

    component_id: str
    name: str | None
    location: str | None
    status: str | None
    component_type: str | None


class Reason(Schema):
    """What one term of the question adds to the similarity of a case."""

    field: str = Field(examples=["description"])
    term: str = Field(examples=["bucket"])
    contribution: float


class Similar(Schema):
    """A past case; `similarity` is how likely an operator would call it similar, in 0..1."""

    anomaly_id: str = Field(examples=["wo-7"])
    description: str
    severity: str | None
    timestamp: datetime
    recommended_product: str | None
    user_names: list[Person]
    components: list[Component]
    solution: str | None
    similarity: float = Field(ge=0, le=1)
    reasons: list[Reason]


class Solution(Schema):
    """What was done in the cases `from`, how often, and how often it helped; `score` in 0..1."""

    text: str = Field(examples=["Replaced the cylinder"])
    tried: int
    solved: int
    score: float = Field(ge=0, le=1)
    cases: list[str] = Field(alias="from", examples=[["wo-7"]])


class Found(Schema):
    """The past cases for one user, and the solutions, the best first."""

    user_name: str
    anomalies: list[Similar]
    solutions: list[Solution]


class Done(Schema):
    """The answer; `abstained`: no case is likely enough to be called similar."""

    status: Literal["done"]
    search_results: list[Found]
    abstained: bool
    model_version: str
    computed_at: datetime


class Failed(Schema):
    """There is no answer, and why."""

    status: Literal["failed"]
    error: str = Field(examples=["Anomaly 'wo-1' was deleted meanwhile."])


class Pending(Schema):
    """The answer is being computed."""

    status: Literal["pending"]


PENDING: dict[str, Any] = {
    "model": Pending,
    "description": "Not there yet; ask again after `Retry-After`.",
    "headers": {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}},
}
