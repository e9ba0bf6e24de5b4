"""What clients send about the vocabulary, and get back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from services.anomaly_similarity.search.text import tokens
from services.anomaly_similarity.search.vocabulary import Kind
from services.anomaly_similarity.vocabulary_editing import word
from services.web.schemas import Id, Schema

MAX_MEANING = 200  # characters of what a term stands for, as texts are read

_EDIT: dict[str, Any] = {"stands_for": "cylinder", "kind": "abbreviation"}


def _says_something(text: str) -> str:
    if not tokens(text):
        raise ValueError("must have a word")
    if len(" ".join(tokens(text))) > MAX_MEANING:
        raise ValueError(f"must not be read as more than {MAX_MEANING} characters")
    return text


def _one_word(text: object) -> object:
    return word(text) if isinstance(text, str) else text


Term = Annotated[Id, Path(examples=["cyl"])]
OneWord = Annotated[Id, BeforeValidator(_one_word), Path(examples=["cyl"])]


class EditBody(Schema):
    """What a term is read as."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EDIT]})

    stands_for: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_MEANING,
            description="One word or more; the term itself keeps it.",
        ),
        AfterValidator(_says_something),
    ]
    kind: Kind = "synonym"


class EntryOut(Schema):
    """A term, what it is read as, and whether an operator said so."""

    term: str = Field(examples=["cyl"])
    stands_for: str = Field(examples=["cylinder"])
    kind: Kind
    edited: bool


class VocabularyPage(Schema):
    """A page of the vocabulary; `cursor` leads to the next one, None ends."""

    entries: list[EntryOut]
    cursor: str | None
