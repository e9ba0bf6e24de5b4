"""The events as an AsyncAPI 3 document, made from the dataclasses.

`python -m services.messages.asyncapi > docs/asyncapi.json` writes it; a test holds the two together.
"""

from __future__ import annotations

import inspect
import json
import sys
from typing import Any

import msgspec

from services.messages.envelope import CONTENT_TYPE, MAX_BATCH, MAX_ID
from services.messages.types import TYPES

_SCHEMAS = "#/components/schemas/"


def document() -> dict[str, Any]:
    """Return the document: one channel and one message per type of event."""
    names = {cls: cls.__name__ for cls in TYPES.values()}
    _, schemas = msgspec.json.schema_components(
        list(TYPES.values()), ref_template=_SCHEMAS + "{name}"
    )
    for cls, name in names.items():
        schemas[name]["description"] = inspect.getdoc(cls)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Akin events",
            "version": "1",
            "description": "CloudEvents 1.0 in JSON batches of 1 to "
            f"{MAX_BATCH} on the durable topic exchange `akin.events`; the routing key is the type. "
            "Deliveries may repeat: count an event by its id.",
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {
            type_name: {
                "address": type_name,
                "messages": {cls.__name__: {"$ref": f"#/components/messages/{cls.__name__}"}},
            }
            for type_name, cls in TYPES.items()
        },
        "components": {
            "messages": {
                cls.__name__: {
                    "name": type_name,
                    "summary": (inspect.getdoc(cls) or "").partition("\n")[0],
                    "contentType": CONTENT_TYPE,
                    "payload": _batch_of(type_name, cls.__name__),
                }
                for type_name, cls in TYPES.items()
            },
            "schemas": schemas,
        },
    }


def _batch_of(type_name: str, schema: str) -> dict[str, Any]:
    text = {"type": "string"}
    event = {
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time", "workspace", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "minLength": 1, "maxLength": MAX_ID},
            "source": text,
            "type": {"const": type_name},
            "time": {"type": "string", "format": "date-time"},
            "workspace": text,
            "requestid": {"type": ["string", "null"]},
            "datacontenttype": {"const": "application/json"},
            "data": {"$ref": _SCHEMAS + schema},
        },
    }
    return {"type": "array", "minItems": 1, "maxItems": MAX_BATCH, "items": event}


if __name__ == "__main__":
    json.dump(document(), sys.stdout, indent=2)
    sys.stdout.write("\n")
