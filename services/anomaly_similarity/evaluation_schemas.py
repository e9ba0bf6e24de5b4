"""What clients get of how well similar anomalies are found."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from services.web.schemas import Schema

MEASURES = ("p_at_1", "hit_at_5", "mrr", "p_at_1_of_seen_texts", "p_at_1_of_unseen_texts")


class Interval(Schema):
    """A mean over queries, and its 95 % bootstrap interval."""

    mean: float = Field(examples=[0.889])
    low: float = Field(examples=[0.859])
    high: float = Field(examples=[0.918])


class Method(Schema):
    """How a method did; None where no query could judge. `chosen` is what was chosen, `random` knows nothing."""

    method: str = Field(examples=["chosen"])
    p_at_1: Interval | None = Field(description="The first case is relevant.")
    hit_at_5: Interval | None = Field(description="One of the first five is.")
    mrr: Interval | None = Field(description="1 / rank of the first relevant one.")
    p_at_1_of_seen_texts: Interval | None = Field(
        description="Of queries whose text was there before."
    )
    p_at_1_of_unseen_texts: Interval | None
    chosen_by: float | None = Field(description="MRR on the queries that chose.")


class Risk(Schema):
    """The share of wrong first cases when only this share of the queries, the most certain, is answered."""

    coverage: float
    wrong: float | None


class Certainty(Schema):
    """How far `similarity` is a probability, on queries that it was not fitted to."""

    queries: int
    calibration_error: float | None = Field(
        description="Expected calibration error of the first five cases of each query."
    )
    calibration_error_of_first: float | None
    threshold: float = Field(description="Below it the answer is that there is no similar case.")
    abstained: float | None = Field(description="Share of queries that are abstained from.")
    abstained_rightly: float | None = Field(
        description="Share of these whose first case is not relevant."
    )
    risks: list[Risk]


class Evaluation(Schema):
    """What the training of the served model measured; lists are empty where too few queries could judge."""

    model_version: str
    trained_at: datetime
    chosen: dict[str, float] = Field(
        description="Weights by method; 0 for one that only the calibration asks.",
        examples=[{"labels": 1.0, "lsa": 0.27, "words": 0.0}],
    )
    relevant_by: list[str]
    late: list[str]
    queries: int
    queries_with_seen_text: int
    methods: list[Method]
    certainty: Certainty | None
    certainty_with_something_to_find: Certainty | None
    anomalies: int
    verdicts: int
    notes: list[str]
