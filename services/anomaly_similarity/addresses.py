"""Where webhooks may go: not into the network that this process stands in.

What is checked is the address that is then connected to, so a name that resolves to another one a moment later
gains nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address, ip_network

import httpcore

# They lead to an IPv4 address that they hold: 6to4 (RFC 3056), NAT64 (RFC 6052).
_TUNNELS = (ip_network("2002::/16"), ip_network("64:ff9b::/96"))
# Where clouds tell their machines secrets; others' are link-local.
_METADATA = {ip_address(each) for each in ("100.100.100.200", "168.63.129.16", "fd00:ec2::254")}

RESOLVING = 20  # names that are looked up at a time; one may take half a minute


class Refused(Exception):
    """A webhook may not go there."""


def is_refused(address: str, *, allow_private: bool) -> bool:
    """Tell whether webhooks may not go to this address; ValueError where it is none."""
    ip = ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if ip.is_multicast or ip.is_link_local or ip.is_unspecified or ip in _METADATA:
        return True
    if any(ip in tunnel for tunnel in _TUNNELS if tunnel.version == ip.version):
        return True
    return not allow_private and not ip.is_global


def is_refused_by_name(host: str, *, allow_private: bool) -> bool:
    """Tell whether a URL's host is an address that is refused, or the name of this machine."""
    try:
        return is_refused(host.strip("[]"), allow_private=allow_private)
    except ValueError:
        name = host.rstrip(".").lower()
        return not allow_private and (name == "localhost" or name.endswith(".localhost"))


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host. It blocks."""
    return [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Guarded(httpcore.AsyncNetworkBackend):
    """Connects where webhooks may go, and raises `Refused` otherwise."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._backend = httpcore.AnyIOBackend()
        # Threads of its own: names that nobody answers for must not hold up the searches in theirs.
        self._resolving = ThreadPoolExecutor(RESOLVING)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve the host, check every address that it has, and connect to one of them."""
        loop = asyncio.get_running_loop()
        addresses = await loop.run_in_executor(self._resolving, resolve, host, port)
        connect = self._backend.connect_tcp
        if any(is_refused(each, allow_private=self._allow_private) for each in addresses):
            raise Refused(f"{host} is in a network that webhooks may not go to.")
        for address in addresses[:-1]:
            try:
                return await connect(address, port, timeout, local_address, socket_options)
            except httpcore.NetworkError:
                continue  # the next one may answer
        return await connect(addresses[-1], port, timeout, local_address, socket_options)

    def close(self) -> None:
        """Look up nothing any more."""
        self._resolving.shutdown(wait=False, cancel_futures=True)
