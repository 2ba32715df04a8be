"""Who calls, as far as limits go: one address, or the network that one caller has all addresses of."""

from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from litestar import Request

IPV6_PREFIX = 64
UNKNOWN = "unknown"


def caller_of(request: Request[Any, Any, Any]) -> str:
    """Return the caller's IPv4 address or IPv6 network; those without an address count as one caller."""
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
