"""Where webhooks may go."""

from __future__ import annotations

import pytest

from services.anomaly_similarity.addresses import is_refused, is_refused_by_name

PRIVATE = ["10.0.0.1", "172.16.0.1", "192.168.1.1", "127.0.0.1", "::1", "fd12::1", "198.18.0.1"]
NEVER = [
    "169.254.169.254",
    "fe80::1",
    "fe80::1%eth0",
    "224.0.0.1",
    "ff02::1",
    "0.0.0.0",
    "::",
    "100.100.100.200",
    "168.63.129.16",
    "fd00:ec2::254",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
]


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert not is_refused(address, allow_private=False)


@pytest.mark.parametrize("address", [*PRIVATE, "::ffff:127.0.0.1", "::ffff:10.0.0.1"])
def test_private_addresses_are_refused_unless_the_setting_allows_them(address: str) -> None:
    assert is_refused(address, allow_private=False)
    assert not is_refused(address, allow_private=True)


@pytest.mark.parametrize("address", [*NEVER, "::ffff:169.254.169.254"])
def test_link_local_multicast_metadata_and_tunnels_are_refused_always(address: str) -> None:
    assert is_refused(address, allow_private=False)
    assert is_refused(address, allow_private=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "Api.Localhost.", "10.0.0.1"])
def test_a_url_that_names_this_network_is_refused_before_it_is_resolved(host: str) -> None:
    assert is_refused_by_name(host, allow_private=False)
    assert not is_refused_by_name(host, allow_private=True)


def test_other_names_are_judged_by_what_they_resolve_to() -> None:
    assert not is_refused_by_name("plant.example.org", allow_private=False)
