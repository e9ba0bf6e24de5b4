"""Why a target is missed, where it is known; the page shows the note while the target is missed."""

from __future__ import annotations

NOTES = {
    "worker": (
        "Inserting takes 19 µs of PostgreSQL's time an event on either side; the worker adds 30 to 40 µs of "
        "Python: decoding, numbering, encoding arrays, and one script each for the histories and the "
        "counters in Redis. It is busy for three quarters of the time; four transactions at once instead of "
        "two were tried and changed nothing."
    ),
    "worker-single": (
        "As above, and the messages are small: sixteen events each, so that the client library's work for "
        "a message (some 150 µs) is shared by few."
    ),
    "recs": (
        "The process is busy all the time with many small things, some 775 calls of Python a list: three fifths "
        "of its time is the interpreter, a seventh numpy, a tenth the kernel. Choosing what a list explores took "
        "130 µs and takes 50, counters of what is popular 118 ms every five seconds and now 13, the layers of HTTP "
        "34 µs and now 28. Scores for 10,000 items take 60 to 90 µs a list, and each batch of rows that are "
        "inserted 1.5 ms. One function in the database for that insertion was tried (6 % of a list) and not kept: "
        "it repeats what erasure promises in another language."
    ),
    "recs-p99": "Follows from the rate: 32 clients wait for one process.",
    "recs-1000000-32": (
        "A million scores for each of 32 users are 128 MB that have to be written and read once more; "
        "at 10,000 items the same arithmetic stays in the processor's cache."
    ),
    "metrics": "Within the noise of this machine: metrics take 6 µs of the 160 that a request takes.",
    "events": "Validation of the body, which both sides do, is half of it; the rest is encoding and the broker.",
    "training": (
        "RLFM is fitted too, which none of the libraries has: its time is in Akin's and not in the reference's."
    ),
    "training-memory": (
        "The rows themselves are 19 MB; reading and sorting them leaves 50. EASE's matrix takes 55 MB for 3,706 "
        "items, the scores by which a blend's weights are learned 80 MB, and some 70 MB are memory that was given "
        "back and that the C library keeps for later. RLFM keeps 24 bytes a row. The libraries need more than "
        "twice as much in all."
    ),
    "answers": (
        "Alone it was measured six times: 0.21, 0.23, 0.27, 0.31, 1.7 and 2.3 s. Fifty questions a second, their "
        "clients and three servers keep the two cores nearly busy: whatever else runs on them makes a queue."
    ),
}
