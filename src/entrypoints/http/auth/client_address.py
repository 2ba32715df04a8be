"""The client's address as limits count it: one IPv4 address, or the IPv6 network that one client controls."""

from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from litestar import Request

IPV6_PREFIX = 64
UNKNOWN = "unknown"


def client_address(request: Request[Any, Any, Any]) -> str:
    """Return the IPv4 address or IPv6 network; requests without an address count as one client."""
    return network_of(request.client.host if request.client else "")


def network_of(host: str) -> str:
    """Return what an address is counted as."""
    try:
        address = ip_address(host)
    except ValueError:
        return UNKNOWN
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ip_network((int(address), IPV6_PREFIX), strict=False))
