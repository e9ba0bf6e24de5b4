"""What clients send about anomalies, and get back; and the types that all routes share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Self

from fastapi import Path
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from services.anomaly_similarity.records import Outcome
from services.web.schemas import PRINTABLE, Id, Schema, Time

MAX_RECORDS = 1_000  # in one request
MAX_TEXT = 10_000  # characters of a description or a solution; an operator's has some fifty
MAX_NAMED = 100  # components or people of one anomaly
MAX_ATTRIBUTES = 50
GREATEST = 2**53 - 1  # whole numbers up to it are the same for every reader of JSON

# No control characters but for tabs and line breaks.
_PROSE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must say something")
    return text


def _number(value: object) -> object:
    return float(value) if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value) else value


def _once_each(names: list[str]) -> list[str]:
    return sorted(set(names))


Prose = Annotated[str, StringConstraints(max_length=MAX_TEXT, pattern=_PROSE)]
Description = Annotated[
    Prose,
    Field(min_length=1, examples=["Bucket won't open"]),
    AfterValidator(_not_blank),
]
Severity = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, pattern=PRINTABLE),
    Field(examples=["high"]),
]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=PRINTABLE)]
Text = Annotated[str, StringConstraints(max_length=500, pattern=_PROSE)]
Query = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
Moment = Annotated[Time, BeforeValidator(_number)]  # in a query, where a number is a text
Limit = Annotated[int, Field(ge=1, le=100)]
Ids = Annotated[
    list[Id],
    Field(max_length=MAX_NAMED),
    AfterValidator(_once_each),
]
Value = (
    bool
    | Annotated[int, Field(ge=-GREATEST, le=GREATEST)]
    | Annotated[float, Field(allow_inf_nan=False)]
    | Text
)
AnomalyId = Annotated[Id, Path(examples=["wo-1"])]
ImportId = Annotated[Id, Path(examples=["0193f2a15c7e0b4d9f31c2a07be45d88"])]

_ANOMALY: dict[str, Any] = {
    "description": "Bucket won't open",
    "severity": "high",
    "timestamp": "2004-07-01T00:00:00Z",
    "component_ids": ["bucket"],
    "solution": "Replaced the cylinder",
    "outcome": "solved",
    "attributes": {"asset": "A"},
}


class AnomalyBody(Schema):
    """What is known of an anomaly. What is left out is emptied, but for the time."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ANOMALY]})

    description: Description
    severity: Severity | None = None
    timestamp: Time | None = Field(
        default=None, description="When it occurred. Default: as known, or now."
    )
    recommended_product: Id | None = None
    user_names: Ids = []
    component_ids: Ids = []
    solution: Prose | None = None
    outcome: Outcome = "open"
    # pydantic checks the keys, but does not say in JSON Schema that no others are allowed.
    attributes: Annotated[
        dict[Name, Value],
        Field(
            max_length=MAX_ATTRIBUTES,
            json_schema_extra={"additionalProperties": False, "propertyNames": {"maxLength": 100}},
        ),
    ] = {}


class AnomalyIn(AnomalyBody):
    """An anomaly; one without an id gets one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"anomaly_id": "wo-1", **_ANOMALY}]})

    anomaly_id: Id | None = None


class AnomalyOut(Schema):
    """An anomaly."""

    anomaly_id: str = Field(examples=["wo-1"])
    description: str = Field(examples=["Bucket won't open"])
    severity: str | None
    timestamp: datetime
    recommended_product: str | None
    user_names: list[str]
    component_ids: list[str]
    solution: str | None
    outcome: Outcome
    attributes: dict[str, bool | int | float | str]


class DetectionOut(Schema):
    """What a detector found: channels, the strongest first, and the shape of the first one.

    `task_result_id` is the search for similar anomalies that it started, by `DefaultUser`.
    """

    series: str = Field(examples=["press-7"])
    channels: list[str] = Field(examples=[["temperature"]])
    from_: datetime = Field(alias="from")
    to: datetime
    detector: str = Field(examples=["matrix_profile"])
    shape: list[float | None] = Field(examples=[[21.3, 21.4, None, 48.9]])
    task_result_id: str | None


class AnomalyDetail(AnomalyOut):
    """An anomaly, with what a detector found; null where nobody but people did."""

    detection: DetectionOut | None


class AnomalyPage(Schema):
    """A page of anomalies; `cursor` leads to the next one, None ends."""

    anomalies: list[AnomalyOut]
    cursor: str | None


class OneOrMany(Schema):
    """A list of records under a name; one record alone is a list of one."""

    many: ClassVar[str]
    key: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        alone = isinstance(value, dict) and cls.many not in value
        return {cls.many: [value]} if alone else value

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        first: dict[str, int] = {}
        ids: Sequence[str | None] = [getattr(each, self.key) for each in getattr(self, self.many)]
        repeated = [
            index
            for index, each in enumerate(ids)
            if each is not None and first.setdefault(each, index) != index
        ]
        if repeated:
            places = ", ".join(map(str, repeated))
            raise ValueError(f"every {self.key} may stand once; repeated at {places}")
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        listed = handler.resolve_ref_schema(handler(core_schema))
        one = listed["properties"][cls.many]["items"]
        return {"anyOf": [dict(listed), one]}


class Anomalies(OneOrMany):
    """One anomaly, or up to 1,000."""

    many = "anomalies"
    key = "anomaly_id"

    anomalies: Annotated[list[AnomalyIn], Field(min_length=1, max_length=MAX_RECORDS)]


class Written(Schema):
    """How many records are new, changed, and as they were."""

    added: int = Field(examples=[2])
    updated: int = Field(examples=[0])
    unchanged: int = Field(examples=[0])


class AnomaliesWritten(Written):
    """What became of the anomalies, and their ids in the order they were sent."""

    anomaly_ids: list[str] = Field(examples=[["wo-1", "wo-2"]])


class Imported(Written):
    """What became of the rows of a file; `rejects` is where the refused ones are, for a week."""

    accepted: int = Field(examples=[2])
    rejected: int = Field(examples=[0])
    rejects: str | None = Field(examples=["/imports/0193f2a15c7e0b4d9f31c2a07be45d88"])
