"""Why a target is missed, by the key of its row. Written by hand, shown only while it is missed."""

from __future__ import annotations

NOTES = {
    "worker": (
        "Inserting takes 19 µs of PostgreSQL's time an event on either side; the worker adds 30 to 40 µs of "
        "Python: decoding, numbering, encoding arrays, and one script each for the histories and the "
        "counters in Redis. Two transactions overlap, but decoding the next batch and following the "
        "last one in Redis do not: the consumer settles one batch before it takes the next."
    ),
    "worker-single": (
        "As above, and the messages are small: sixteen events each, so that the client library's work for "
        "a message (some 150 µs) is shared by few."
    ),
    "recs": (
        "Half of the difference is the row of what was shown, which is committed to PostgreSQL before the "
        "list is answered: without it, 0.66 was measured. A transaction costs 1.2 ms of Python, and about "
        "eleven lists share one. The rest is the work itself: scores for 10,000 items, choosing, two scripts "
        "and reads in Redis, shared among concurrent requests."
    ),
    "recs-p99": "Follows from the rate: 32 clients wait for one process.",
    "recs-1000000-32": (
        "A million scores for each of 32 users are 128 MB that have to be written and read once more; "
        "at 10,000 items the same arithmetic stays in the processor's cache."
    ),
    "metrics": "Within the noise of this machine: metrics take 6 µs of the 160 that a request takes.",
    "events": "Validation of the body, which both sides do, is half of it; the rest is encoding and the broker.",
    "training-memory": (
        "Reading takes most of it: users, items, weights and times are joined and sorted once with 64-bit "
        "indices. LightFM keeps copies of its own (it takes 110 MB alone)."
    ),
}
