"""Where a webhook may call: the URLs, ports and addresses that are refused, and why.

A name may lead to another address each time that it is looked up. So the address is judged when it is connected to.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

LONGEST_URL = 2_048
_VISIBLE = re.compile(r"[!-~]+")
# Names and literals as all parsers read them: what one takes for a name must not be an address to another.
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|[0-9a-f:.]*:[0-9a-f:.]+")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")

# The ports that browsers never call (https://fetch.spec.whatwg.org/#port-blocking), and those of databases and queues.
_BROWSERS_REFUSE = (
    *(0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104),
    *(109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515),
    *(526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049),
    *(3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080),
)
_SERVERS = (
    *(88, 445, 464, 543, 544, 749, 873, 1433, 1434, 1521, 1883, 2181, 3306, 3389, 5432, 5433, 5671, 5672, 5900, 6379),
    *(6380, 6432, 7000, 7001, 8883, 9042, 9092, 11211, 26379, 27017, 27018, 27019, 61613, 61616),
)
REFUSED_PORTS = frozenset(_BROWSERS_REFUSE + _SERVERS)

# IANA's special-purpose registries, https://www.iana.org/assignments/iana-ipv4-special-registry and …-ipv6-….
_SPECIAL_IPV4 = tuple(
    (ip_network(network), kind)
    for network, kind in {
        "0.0.0.0/8": "reserved",
        "10.0.0.0/8": "private",
        "100.64.0.0/10": "shared",
        "127.0.0.0/8": "loopback",
        "169.254.0.0/16": "link-local",
        "172.16.0.0/12": "private",
        "192.0.0.0/24": "reserved",
        "192.0.2.0/24": "documentation",
        "192.88.99.0/24": "reserved",
        "192.168.0.0/16": "private",
        "198.18.0.0/15": "benchmark",
        "198.51.100.0/24": "documentation",
        "203.0.113.0/24": "documentation",
        "224.0.0.0/4": "multicast",
        "240.0.0.0/4": "reserved",
    }.items()
)
_SPECIAL_IPV6 = tuple(
    (ip_network(network), kind)
    for network, kind in {
        "::1/128": "loopback",
        "fc00::/7": "private",
        "fe80::/10": "link-local",
        "ff00::/8": "multicast",
        "2001:db8::/32": "documentation",
        "3fff::/20": "documentation",
        "2001:2::/48": "benchmark",
        "2001::/23": "reserved",
        "2002::/16": "reserved",  # 6to4, which leads to an IPv4 address of the sender's choice
    }.items()
)
_GLOBAL_IPV6, _NAT64 = ip_network("2000::/3"), ip_network("64:ff9b::/96")


class TargetRefused(Exception):
    """A webhook may not call there; the text says why, in words for its owner."""


def address_kind(text: str) -> str | None:
    """Return what is special about an address, None if it is one of the public internet.

    An IPv6 address that stands for an IPv4 address, mapped or by NAT64 (RFC 6052), is judged as that IPv4 address.
    """
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None or address in _NAT64:
            return address_kind(str(IPv4Address(address.packed[-4:])))
        found = next((kind for network, kind in _SPECIAL_IPV6 if address in network), None)
        return found or (None if address in _GLOBAL_IPV6 else "reserved")
    return next((kind for network, kind in _SPECIAL_IPV4 if address in network), None)


@dataclass(frozen=True, slots=True)
class TargetPolicy:
    """Which targets are allowed: https alone unless `allow_http`, and public addresses alone unless `allow_private`."""

    allow_private: bool
    allow_http: bool

    def check_url(self, url: str) -> None:
        """Check what can be checked without looking the name up.

        Raises:
            TargetRefused
        """
        parts, host, port = _read(url)
        if parts.scheme == "http" and not self.allow_http:
            raise TargetRefused("The URL must be https.")
        if port in REFUSED_PORTS:
            raise TargetRefused("The URL's port belongs to another protocol than HTTP.")
        if _is_literal(host):
            self.check_address(host)

    def check_address(self, address: str) -> None:
        """Check an address before it is connected to.

        Raises:
            TargetRefused
        """
        kind = None if self.allow_private else address_kind(address)
        if kind is not None:
            raise TargetRefused(f"The host leads to a {kind} address, where webhooks may not call.")


def _read(url: str) -> tuple[SplitResult, str, int]:
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
        host.encode("idna")
    except ValueError:
        raise TargetRefused("The URL cannot be read.") from None
    if len(url) > LONGEST_URL or not _VISIBLE.fullmatch(url):
        raise TargetRefused(f"The URL must be up to {LONGEST_URL} visible ASCII characters; encode others.")
    if parts.scheme not in ("http", "https") or not host:
        raise TargetRefused("The URL must be an absolute http or https URL.")
    if parts.username is not None or parts.password is not None:
        raise TargetRefused("The URL must not have credentials: check signatures instead.")
    if "#" in url:
        raise TargetRefused("The URL must not have a fragment.")
    # The last part of a name is no number, https://url.spec.whatwg.org/#ends-in-a-number-checker.
    if not _HOST.fullmatch(host) or (_NUMBER.fullmatch(host.rstrip(".").split(".")[-1]) and not _is_literal(host)):
        raise TargetRefused("The URL's host must be a name, encoded as xn--… where it is not ASCII, or an address.")
    default = 443 if parts.scheme == "https" else 80
    return parts, host, default if port is None else port


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
