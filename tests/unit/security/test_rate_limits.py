import time

import pytest

from services.security import RateLimiter, address_key, rate_limits


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch):
    class Clock:
        now = 1000.0

        def monotonic(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(rate_limits, "time", clock)
    return clock


def test_a_burst_passes_and_then_the_rate_holds(clock):
    limiter = RateLimiter(rate=10, burst=3)

    assert [limiter.take("a") for _ in range(3)] == [0, 0, 0]
    assert limiter.take("a") == pytest.approx(0.1)


def test_waiting_as_long_as_told_is_enough(clock):
    limiter = RateLimiter(rate=10, burst=1)
    limiter.take("a")
    clock.now += limiter.take("a") + 1e-9

    assert limiter.take("a") == 0


def test_a_refused_call_costs_nothing(clock):
    limiter = RateLimiter(rate=10, burst=1)
    limiter.take("a")
    for _ in range(100):
        assert limiter.take("a") > 0
    clock.now += 0.101

    assert limiter.take("a") == 0


def test_over_a_long_time_the_rate_is_exact(clock):
    limiter = RateLimiter(rate=7, burst=5)
    passed = 0
    for _ in range(10_000):
        clock.now += 0.01
        passed += limiter.take("a") == 0

    assert passed == pytest.approx(7 * 100 + 5, abs=1)


def test_an_idle_bucket_holds_no_more_than_a_burst(clock):
    limiter = RateLimiter(rate=10, burst=3)
    limiter.take("a")
    clock.now += 3600

    assert [limiter.take("a") == 0 for _ in range(4)] == [True, True, True, False]


def test_callers_do_not_share_a_bucket(clock):
    limiter = RateLimiter(rate=1, burst=1)

    assert limiter.take("a") == limiter.take("b") == 0


def test_the_number_of_buckets_is_bounded_and_the_idle_ones_go_first(clock):
    limiter = RateLimiter(rate=1, burst=2, max_buckets=3)
    for key in ("busy", "b", "c", "busy", "d", "e"):
        limiter.take(key)

    assert limiter.take("busy") > 0  # still remembered
    assert limiter.take("b") == 0  # forgotten, so full


def test_no_rate_is_no_limit():
    limiter = RateLimiter(rate=0, burst=0)

    assert all(limiter.take("a") == 0 for _ in range(1000))


def test_a_real_second_refills_the_bucket():
    limiter = RateLimiter(rate=20, burst=1)
    limiter.take("a")
    time.sleep(0.06)

    assert limiter.take("a") == 0


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_an_address_counts_as_the_network_that_one_caller_has(host: str, key: str):
    assert address_key(host) == key
