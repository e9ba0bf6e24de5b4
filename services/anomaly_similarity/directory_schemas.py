"""What clients send about components and people, and get back."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from pydantic import ConfigDict, Field

from services.anomaly_similarity.schemas import MAX_RECORDS, OneOrMany, Text
from services.web.schemas import Id, Schema

ComponentId = Annotated[Id, Path(examples=["bucket"])]
UserName = Annotated[Id, Path(examples=["ada"])]


class ComponentBody(Schema):
    """What is known of a component. What is left out is emptied."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "Bucket", "location": "Pit 2", "component_type": "tool"}]
        }
    )

    name: Text | None = None
    location: Text | None = None
    status: Text | None = None
    component_type: Text | None = None


class ComponentIn(ComponentBody):
    """A component."""

    component_id: Id


class ComponentOut(ComponentBody):
    """A component."""

    component_id: str = Field(examples=["bucket"])


class Components(OneOrMany):
    """One component, or up to 1,000."""

    many = "components"
    key = "component_id"

    components: Annotated[list[ComponentIn], Field(min_length=1, max_length=MAX_RECORDS)]


class ComponentPage(Schema):
    """A page of components; `cursor` leads to the next one, None ends."""

    components: list[ComponentOut]
    cursor: str | None


class ProfileBody(Schema):
    """What is known of a person. What is left out is emptied."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"role": "operator", "email": "ada@example.com"}]}
    )

    role: Text | None = None
    email: Text | None = None


class ProfileIn(ProfileBody):
    """A person."""

    user_name: Id


class ProfileOut(ProfileBody):
    """A person."""

    user_name: str = Field(examples=["ada"])


class Profiles(OneOrMany):
    """One person, or up to 1,000."""

    many = "profiles"
    key = "user_name"

    profiles: Annotated[list[ProfileIn], Field(min_length=1, max_length=MAX_RECORDS)]


class ProfilePage(Schema):
    """A page of people; `cursor` leads to the next one, None ends."""

    profiles: list[ProfileOut]
    cursor: str | None
