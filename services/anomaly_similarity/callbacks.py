"""Which `callback_url` is taken with a request."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import HttpUrl

from services.anomaly_similarity.addresses import is_refused_by_name
from services.web.errors import Unprocessable


@dataclass(frozen=True, slots=True)
class Rules:
    """Whether this installation signs webhooks, and whether they may go to private addresses."""

    signs: bool
    allow_private: bool

    def check(self, url: HttpUrl | None) -> None:
        """Raise `Unprocessable` where nobody will be told there."""
        if url is None:
            return
        if not self.signs:
            raise _refused("no webhooks here: AKIN_ANOMALY_SIMILARITY_WEBHOOK_SECRET is not set")
        if is_refused_by_name(url.host or "", allow_private=self.allow_private):
            raise _refused("must not lead to a private, loopback or link-local address")


def _refused(why: str) -> Unprocessable:
    detail = {"field": "body.callback_url", "message": why, "type": "value_error"}
    return Unprocessable("The request does not fit: body.callback_url.", details=[detail])
