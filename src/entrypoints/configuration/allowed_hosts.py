"""The names that a request may have in Host: a page may let a name of its own lead to the loopback (DNS rebinding)."""

from collections.abc import Collection

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class AllowedHosts:
    """The allowed values of Host, with any port. Names below `localhost` never lead elsewhere (RFC 6761)."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = {name.encode() for name in names}

    def __contains__(self, host: object) -> bool:
        """Whether a Host header is allowed."""
        if not isinstance(host, bytes):
            return False
        name, bracket, _ = host.lower().removeprefix(b"[").partition(b"]")
        if not bracket:
            name = name.partition(b":")[0]
        return name in self._names or name.endswith(b".localhost")
