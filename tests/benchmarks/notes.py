"""Why a target is missed, by the key of its row. Written by hand, shown only while it is missed."""

from __future__ import annotations

NOTES = {
    "recs-1000000-32": (
        "A million scores for each of 32 users are 128 MB that have to be written and read once more; "
        "at 10,000 items the same arithmetic stays in the processor's cache."
    ),
    "training-memory": (
        "The interactions are sorted once while they are loaded, which holds them twice with 64-bit "
        "indices, and LightFM keeps a copy of its own."
    ),
}
