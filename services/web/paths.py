"""Ids in paths: `{item_id:id}` takes any characters, slashes too.

Starlette's own `path` stops at a line break, and would answer 404 where an id does not fit (422). Import this
module where a route uses it.
"""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor


class _Id(Convertor[str]):
    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        """Return the id as it is; the route's type checks it."""
        return value

    def to_string(self, value: str) -> str:
        """Return the id as it is."""
        return value


register_url_convertor("id", _Id())
