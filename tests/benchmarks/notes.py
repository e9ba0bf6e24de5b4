"""Why a target is missed, by the key of its row. Written by hand, shown only while it is missed."""

from __future__ import annotations

NOTES = {
    "events": (
        "Short by less than the rounds differ among themselves. Each event is made, encoded and given an id; the reference only validates."
    ),
    "metrics": (
        "The rounds differ by more than what is measured; it is not settled yet what of it is the metrics' cost."
    ),
    "worker": (
        "The reference only inserts. The worker also decodes and validates each event, looks up the items' numbers, writes histories and counters to Redis, and acknowledges."
    ),
    "worker-single": (
        "As above, and the messages are smaller, because only what waits at the same moment shares one."
    ),
    "recs": (
        "The reference reads one ready list. A list here is made anew, and what it shows is written to Redis and PostgreSQL before it is answered; how much each part takes is not broken down yet."
    ),
    "recs-1000000-32": (
        "A million scores for each of 32 users are 128 MB that have to be written and read once more; "
        "at 10,000 items the same arithmetic stays in the processor's cache."
    ),
    "training-memory": (
        "The interactions are sorted once while they are loaded, which holds them twice with 64-bit "
        "indices, and LightFM keeps a copy of its own; the rest is not broken down yet."
    ),
}
