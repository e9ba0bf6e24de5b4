"""What the broker's room counts; `queue` and `type` are from `topology` and `types`, so few."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

published = Counter("akin_published_events", "Events confirmed by the broker.", ["type"])
publish_failures = Counter(
    "akin_publish_failures", "Messages that were not confirmed in time.", ["type"]
)
publish_seconds = Histogram(
    "akin_publish_seconds",
    "From sending a message to its confirm.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
consumed = Counter("akin_consumed_events", "Events handled and acknowledged.", ["queue"])
dead_letters = Counter("akin_dead_letters", "What no handler could take or nobody read.", ["queue"])
retries = Counter(
    "akin_consumer_retries", "Batches that wait for something to come back.", ["queue"]
)
lag = Histogram(
    "akin_consumer_lag_seconds",
    "From accepting a batch's oldest event to its acknowledgement.",
    ["queue"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600),
)
