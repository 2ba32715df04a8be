"""The client's address, and the key under which limits count it: an IPv4 address, or a client's whole IPv6 network."""

from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from litestar import Request
from litestar.types import HTTPScope

IPV6_PREFIX = 64
UNKNOWN = "unknown"


def client_address(request: Request[Any, Any, Any]) -> str:
    """Return the whole address; a proxy may have forwarded a text that is none."""
    try:
        return str(ip_address(address_of(request.scope)))
    except ValueError:
        return UNKNOWN


def address_of(scope: HTTPScope) -> str:
    """Return the address of the caller, from the server or from a trusted proxy; empty without one."""
    client = scope.get("client")
    return client[0] if client else ""


def listener_of(scope: HTTPScope) -> str:
    """Return the key under which a caller that stays for long counts: its address, or its connection if it is local.

    A proxy on this machine that is not among the trusted ones stands for many callers.
    """
    network = network_of(address_of(scope))
    client = scope.get("client")
    local = client and network != UNKNOWN and ip_address(client[0]).is_loopback
    return f"{network} {client[1]}" if client and local else network


def network_of(host: str) -> str:
    """Return the key under which an address is counted; requests without one count as one client."""
    try:
        address = ip_address(host)
    except ValueError:
        return UNKNOWN
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ip_network((int(address), IPV6_PREFIX), strict=False))
