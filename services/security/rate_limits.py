"""Rate limits: one bucket per caller, in the process."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict

MAX_BUCKETS = (
    10_000  # callers remembered, about 2 MB; who was longest away is forgotten, as if full
)
ROUNDING = 1e-6  # seconds; what adding up intervals gets wrong must not refuse the last of a burst
PREFIX_V6 = 64  # bits: what one household or machine is given, so one caller


class RateLimiter:
    """A token bucket per key: `rate` per second, `burst` at once; a rate of 0 is no limit.

    It keeps one number a bucket, the time when it will be full again. Source: the generic cell rate
    algorithm, ITU-T I.371, annex A. Each process counts for itself.
    """

    def __init__(self, *, rate: float, burst: float, max_buckets: int = MAX_BUCKETS) -> None:
        self._interval = 1 / rate if rate else 0.0
        self._window = burst * self._interval
        self._max_buckets = max_buckets
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, key: str) -> float:
        """Take one from the bucket of `key` and return 0, or return the seconds until there is one."""
        interval = self._interval
        if not interval:
            return 0.0
        now = time.monotonic()
        buckets = self._full_at
        full_at = max(buckets.get(key, now), now)
        wait = full_at + interval - now - self._window
        if wait > ROUNDING:
            return wait
        buckets[key] = full_at + interval
        buckets.move_to_end(key)
        if len(buckets) > self._max_buckets:
            buckets.popitem(last=False)
        return 0.0


def address_key(host: str) -> str:
    """Return the key of a remote address: the address, or the /64 network of an IPv6 one."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host  # a socket path, a test client: itself
    if isinstance(address, ipaddress.IPv4Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address.packed[:8] + bytes(8), PREFIX_V6)))
