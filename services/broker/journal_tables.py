"""The journal's tables and all of its SQL. Every function runs inside a transaction of `JournalFile`.

An entry is one message: a CloudEvents batch under a topic, which is its type, or the name of a queue for
a replayed dead letter. A cursor is the last entry that a queue has acknowledged.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from services.broker.interface import DeadLetter
from services.broker.topology import QUEUES, Queue, readers
from services.messages.types import TYPES

KEEP = (
    5.0  # seconds that an entry outlives its last acknowledgement, for listeners in other processes
)

# AUTOINCREMENT: an id that came again after a deletion would lie below the cursors and be lost.
_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS entries (
        id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, at REAL NOT NULL,
        events INTEGER NOT NULL, body BLOB NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS entries_topic ON entries (topic, id)",
    "CREATE TABLE IF NOT EXISTS cursors (queue TEXT PRIMARY KEY, acked INTEGER NOT NULL)",
    """CREATE TABLE IF NOT EXISTS dead_letters (
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, queue TEXT NOT NULL,
        reason TEXT NOT NULL, at REAL NOT NULL, events INTEGER NOT NULL, body BLOB NOT NULL)""",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of the journal."""

    id: int
    body: bytes


def create(connection: sqlite3.Connection) -> None:
    """Create what is missing; a new queue starts with the oldest entry that is left."""
    for statement in _SCHEMA:
        connection.execute(statement)
    for name in QUEUES:
        connection.execute("INSERT OR IGNORE INTO cursors VALUES (?, 0)", (name,))


def append(connection: sqlite3.Connection, topic: str, body: bytes, events: int) -> None:
    """Add one entry."""
    connection.execute(
        "INSERT INTO entries (topic, at, events, body) VALUES (?, ?, ?, ?)",
        (topic, time.time(), events, body),
    )


def newest(connection: sqlite3.Connection) -> int:
    """Return the id of the newest entry that ever was."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'entries'").fetchone()
    return int(row[0]) if row else 0


def cursor(connection: sqlite3.Connection, queue: str) -> int:
    """Return the last entry that the queue has acknowledged."""
    row = connection.execute("SELECT acked FROM cursors WHERE queue = ?", (queue,)).fetchone()
    return int(row[0]) if row else 0


def read(
    connection: sqlite3.Connection, topics: Sequence[str], after: int, most: int
) -> list[Entry]:
    """Return the next entries of these topics, as many as hold `most` events together, at least one."""
    entries: list[Entry] = []
    # NOT INDEXED: walk in the order of ids and stop early, instead of sorting all that waits.
    rows = connection.execute(
        "SELECT id, events, body FROM entries NOT INDEXED"
        " WHERE id > ? AND topic IN (SELECT value FROM json_each(?)) ORDER BY id",
        (after, json.dumps(topics)),
    )
    with closing(rows):
        for number, events, body in rows:
            most -= events
            if entries and most < 0:
                break
            entries.append(Entry(number, body))
    return entries


def listen(
    connection: sqlite3.Connection, topics: Sequence[str], after: int, most: int
) -> tuple[list[Entry], int]:
    """Return the next entries as `read` does, and where to go on: past all that was of no concern."""
    entries = read(connection, topics, after, most)
    return entries, entries[-1].id if entries else newest(connection)


def acknowledge(connection: sqlite3.Connection, queue: str, entry: int) -> None:
    """Move the queue's cursor up to this entry; it never moves down."""
    connection.execute(
        "UPDATE cursors SET acked = ? WHERE queue = ? AND acked < ?", (entry, queue, entry)
    )


def skip(connection: sqlite3.Connection, queue: str, after: int, entry: int) -> None:
    """Move the cursor over entries that were put aside, if all before them is acknowledged."""
    connection.execute(
        "UPDATE cursors SET acked = ? WHERE queue = ? AND acked = ?", (entry, queue, after)
    )


def depth(connection: sqlite3.Connection, queue: Queue) -> int:
    """Return how many entries the queue has not acknowledged."""
    row = connection.execute(
        "SELECT count(*) FROM entries WHERE id > (SELECT acked FROM cursors WHERE queue = ?)"
        " AND topic IN (SELECT value FROM json_each(?))",
        (queue.name, json.dumps(topics_of(queue))),
    ).fetchone()
    return int(row[0])


def forget(connection: sqlite3.Connection) -> None:
    """Delete the entries that every queue of their topic has acknowledged and no listener waits for."""
    for topic in (*TYPES, *QUEUES):
        connection.execute(
            "DELETE FROM entries WHERE topic = ? AND at < ? AND id <= (SELECT coalesce(min(acked), ?)"
            " FROM cursors WHERE queue IN (SELECT value FROM json_each(?)))",
            (topic, time.time() - KEEP, 2**62, json.dumps(readers(topic))),
        )


def topics_of(queue: Queue) -> list[str]:
    """Return the topics that a queue reads: its types, and itself for what is replayed."""
    return [*queue.types, queue.name]


def bury(
    connection: sqlite3.Connection,
    queue: str,
    body: bytes,
    reason: str,
    *,
    events: int,
    entry: int | None = None,
) -> None:
    """Add a dead letter; the same undecodable `entry` is added once, however often it is delivered."""
    connection.execute(
        "INSERT OR IGNORE INTO dead_letters (id, queue, reason, at, events, body)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            uuid4().hex if entry is None else f"{queue}-{entry}",
            queue,
            reason,
            time.time(),
            events,
            body,
        ),
    )


def dead_letters(connection: sqlite3.Connection, limit: int) -> list[DeadLetter]:
    """Return the oldest dead letters."""
    rows = connection.execute(
        "SELECT id, queue, reason, at, body FROM dead_letters ORDER BY number LIMIT ?", (limit,)
    )
    return [
        DeadLetter(
            id=id_, queue=queue, reason=reason, died_at=datetime.fromtimestamp(at, UTC), body=body
        )
        for id_, queue, reason, at, body in rows
    ]


def replay(connection: sqlite3.Connection, ids: Sequence[str]) -> int:
    """Append the letters under the names of the queues they come from, and delete them as letters."""
    connection.execute(
        "INSERT INTO entries (topic, at, events, body) SELECT queue, ?, events, body"
        " FROM dead_letters WHERE id IN (SELECT value FROM json_each(?)) ORDER BY number",
        (time.time(), json.dumps(ids)),
    )
    return discard(connection, ids)


def discard(connection: sqlite3.Connection, ids: Sequence[str]) -> int:
    """Delete the letters and return how many there were."""
    return connection.execute(
        "DELETE FROM dead_letters WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(ids),)
    ).rowcount
