"""What HTTP clients send and get about experiments."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from services.recommendations.schemas import Text
from services.web.schemas import Id, Schema

MAX_VARIANTS = 10  # with more, none gets enough users to say anything
SUM_OF_SHARES = 100.0  # percent
ROUNDING = 1e-6  # percent; three times 33.333333333 is a hundred


class VariantBody(Schema):
    """One arm: a share of the users, and what they get."""

    name: Id = Field(examples=["control"])
    share: Annotated[float, Field(gt=0, lt=100, examples=[50])]  # percent of the users
    model: Id | None = Field(
        default=None,
        description='A version of the model, or "champion": whichever serves. None is the champion.',
        examples=["champion"],
    )
    scenario: Id | None = Field(
        default=None,
        description="The name of a scenario. None: the usual parameters.",
        examples=["discovery"],
    )


class ExperimentBody(Schema):
    """An experiment: how users are split. Names of variants differ, shares sum to 100."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "variants": [
                        {"name": "control", "share": 50, "model": "champion"},
                        {"name": "more-new-items", "share": 50, "scenario": "discovery"},
                    ],
                    "note": "Do people like more when they are shown more that is new?",
                }
            ]
        }
    )

    variants: Annotated[list[VariantBody], Field(min_length=2, max_length=MAX_VARIANTS)]
    enabled: bool = Field(
        default=True,
        description="False: nobody is assigned for the time being; what is known stays.",
    )
    note: Text | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        total = sum(variant.share for variant in self.variants)
        if abs(total - SUM_OF_SHARES) > ROUNDING:
            raise ValueError(f"the shares of the variants must sum to 100, not {total:g}")
        if len({variant.name for variant in self.variants}) < len(self.variants):
            raise ValueError("the names of the variants must differ")
        return self


class ExperimentOut(Schema):
    """An experiment as it is defined. It has ended where `ended_at` says so."""

    name: str = Field(examples=["discovery-2026"])
    variants: list[VariantBody]
    enabled: bool
    note: str | None
    started_at: datetime
    ended_at: datetime | None


class ExperimentPage(Schema):
    """A page of experiments by name; `cursor` leads to the next one, None ends."""

    experiments: list[ExperimentOut]
    cursor: str | None


class RateOut(Schema):
    """A rate, and the bounds between which it lies with 95 % confidence, users being what varies."""

    rate: float | None = Field(examples=[0.08], description="None: nothing was shown.")
    low: float | None = Field(examples=[0.071], description="None: too few users, or all alike.")
    high: float | None = Field(examples=[0.089])


class DifferenceOut(Schema):
    """The rate minus that of the first variant, its 95 % interval, and Welch's two-sided p-value.

    The p-value is of this comparison alone, looked at once, at an end that was fixed beforehand.
    """

    difference: float = Field(examples=[0.012])
    low: float = Field(examples=[0.002])
    high: float = Field(examples=[0.022])
    p_value: float = Field(examples=[0.021])


class SourceOut(Schema):
    """Items of one source."""

    items: int = Field(examples=[5400])
    likes: int = Field(examples=[432])
    like_rate: float = Field(examples=[0.08])


class ChanceOut(Schema):
    """What the places left to chance, with logged propensities p < 1, say about all that could have come
    there: how much of it would have been liked, had each item been shown equally often. `like_rate` is
    Σ like/p over Σ 1/p (self-normalised, Hájek).
    """

    places: int = Field(examples=[540])
    effective_size: float = Field(
        examples=[310.5], description="As many equally likely places would say as much (Kish)."
    )
    like_rate: RateOut
    meaning: str = Field(
        examples=[
            "Had these places been filled with any of the items that could have come there, about 3.1% of them would have been"
            " liked. This rests on as much as 310 equally likely places would say."
        ]
    )


class VariantOut(Schema):
    """What came of one variant. The first one is what the others are compared to."""

    name: str = Field(examples=["control"])
    users: int = Field(examples=[600])
    lists: int = Field(examples=[640])
    items: int = Field(examples=[6400])
    likes: int = Field(examples=[512], description="Items that were liked, of those shown.")
    likes_per_item: RateOut = Field(description="The share of the shown items that were liked.")
    lists_with_a_like: RateOut = Field(description="The share of lists from which one was liked.")
    likes_per_item_difference: DifferenceOut | None
    lists_with_a_like_difference: DifferenceOut | None
    by_source: dict[str, SourceOut] = Field(
        description="model, exploration, popular, fallback, rule: where items came from."
    )
    inverse_propensity: ChanceOut | None = Field(description="None: nothing was left to chance.")


class SampleRatioOut(Schema):
    """Whether users came to the variants as their shares say: Pearson's chi-square test."""

    chi_square: float | None = Field(examples=[0.31], description="None: too few users to say.")
    p_value: float | None = Field(examples=[0.58])
    warning: str | None = Field(description="Not None: do not believe this experiment.")


class ReportOut(Schema):
    """What came of an experiment. A like counts for the list that it names by its `recommendation_id`;
    without one, for the latest list that showed the item to that user within 24 hours before it."""

    computed_at: datetime
    variants: list[VariantOut]
    sample_ratio: SampleRatioOut
    notes: list[str] = Field(description="What the report leaves out, if anything.")


class ExperimentReport(ExperimentOut):
    """An experiment and what came of it so far."""

    report: ReportOut
