"""Name resolution that gives out allowed addresses only: what was checked is what is connected to."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from application.webhooks.targets import TargetPolicy, TargetRefused

Lookup = Callable[[str, int, socket.AddressFamily], Sequence[tuple[Any, ...]]]


class AddressRefused(OSError):
    """The name leads to an address that may not be called; the text says why."""


def look_up(host: str, port: int, family: socket.AddressFamily) -> Sequence[tuple[Any, ...]]:
    """Ask the system for the addresses of a name."""
    return socket.getaddrinfo(host, port, family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)


class CheckedResolver(AbstractResolver):
    """Refuses a name if any of its addresses is refused.

    Look-ups have threads of their own, `at_once` at most: slow name servers of one receiver hold up no other name.
    """

    def __init__(self, policy: TargetPolicy, at_once: int, lookup: Lookup = look_up) -> None:
        self._policy = policy
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(at_once, "webhook-names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().run_in_executor(self._threads, self._lookup, host, port, family)
        try:
            for *_, address in found:
                self._policy.check_address(address[0])
        except TargetRefused as refused:
            raise AddressRefused(str(refused)) from refused
        return [
            ResolveResult(
                hostname=host,
                host=address[0],
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
