"""Opening one connection: host by host, within its time, with a log line when that begins to fail or works again."""

import asyncio
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import asyncpg
import structlog
from psycopg.conninfo import conninfo_to_dict

from adapters.postgres.errors import READ_ONLY_REASON, reason_of
from adapters.postgres.pooled_connection import PooledConnection

log = structlog.get_logger(__name__)

# Not as parameters of the connection's start: PgBouncer refuses those.
_SET = """
    SELECT set_config(name, value, false), current_setting('transaction_read_only') = 'on'
    FROM unnest($1::text[], $2::text[]) AS setting (name, value)
"""
_READ_ONLY = "SELECT current_setting('transaction_read_only') = 'on'"
_SESSION = "SELECT pg_backend_pid()"
TRANSACTIONS_TRIED = 10

_POOLED: Mapping[str, Any] = {"connection_class": PooledConnection, "statement_cache_size": 0}


@dataclass(frozen=True, slots=True)
class Keepalive:
    """When the kernel gives up a peer that is silent, as behind a NAT that forgot us. Durations are in seconds."""

    idle: int = 30
    """Without traffic before the first probe."""
    interval: int = 10
    probes: int = 3
    unacknowledged: int = 30
    """What was sent waits at most this long for its acknowledgement (TCP_USER_TIMEOUT, RFC 5482)."""

    def apply(self, connected: socket.socket) -> None:
        """Set the options, as far as the system has them; a Unix socket needs none."""
        if connected.family not in (socket.AF_INET, socket.AF_INET6):
            return
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (
            ("TCP_KEEPIDLE", self.idle),
            ("TCP_KEEPINTVL", self.interval),
            ("TCP_KEEPCNT", self.probes),
            ("TCP_USER_TIMEOUT", self.unacknowledged * 1000),
        ):
            if hasattr(socket, option):
                connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


class OpenConnection:
    """Opens the connections of one engine. `opened` is told of each whether it is read-only."""

    def __init__(
        self,
        dsn: str,
        settings: Mapping[str, str],
        *,
        seconds: float,
        answer_seconds: float,
        keepalive: Keepalive,
        watched: bool = False,
        pooled: bool = False,
        opened: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._dsn = dsn
        self._settings = settings
        self._seconds = seconds
        self._answer_seconds = answer_seconds
        self._keepalive = keepalive
        self._watched = watched
        self.pooled = pooled
        self._opened = opened
        self._trouble: str | None = None

    async def __call__(self) -> "asyncpg.Connection[asyncpg.Record]":
        """Return a connection to the first host that takes one.

        Raises:
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError: none does, in the time there is.
        """
        try:
            connection, read_only = await self._first()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            self._note(reason_of(error))
            raise
        self._note(READ_ONLY_REASON if read_only else None)
        self._opened(read_only)
        return connection

    async def sessions(self) -> set[int]:
        """Return the process ids of the server's sessions in which some transactions of one new connection run.

        Raises:
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError: there is none, in the time for a connection.
        """
        async with asyncio.timeout(self._seconds):
            connection = await asyncpg.connect(self._dsn, **_POOLED)
            try:
                connection.limit({}, self._seconds)
                return {(await connection.fetch(_SESSION))[0][0] for _ in range(TRANSACTIONS_TRIED)}
            finally:
                connection.terminate()

    async def _first(self) -> "tuple[asyncpg.Connection[asyncpg.Record], bool]":
        *others, last = hosts = _hosts(self._dsn)
        for host, port in others:
            try:
                return await self._open(host, port, self._seconds / len(hosts))
            except (OSError, asyncpg.TargetServerAttributeNotMatched, asyncpg.CannotConnectNowError):
                continue
        return await self._open(*last, self._seconds / len(hosts))

    async def _open(
        self, host: str | None, port: int | None, seconds: float
    ) -> "tuple[asyncpg.Connection[asyncpg.Record], bool]":
        async with asyncio.timeout(seconds):
            connection = await asyncpg.connect(
                self._dsn,
                host=host,
                port=port,
                command_timeout=self._answer_seconds,
                **(_POOLED if self.pooled else {}),
            )
            try:
                # The driver has no setting for these.
                self._keepalive.apply(cast("Any", connection)._transport.get_extra_info("socket"))  # noqa: SLF001
                read_only = await self._prepare(connection)
            except BaseException:
                connection.terminate()
                raise
        return connection, read_only

    async def _prepare(self, connection: "asyncpg.Connection[asyncpg.Record]") -> bool:
        """Make the connection keep our limits, and return whether the database is read-only."""
        if self.pooled:
            # No isinstance: the driver's metaclass takes any connection for one of any class.
            cast("PooledConnection", connection).limit(self._settings, self._answer_seconds)
            rows = await connection.fetch(_READ_ONLY)
        else:
            rows = await connection.fetch(_SET, list(self._settings), list(self._settings.values()))
        return bool(rows[0][-1])

    def _note(self, trouble: str | None) -> None:
        if trouble == self._trouble or self._watched:
            return
        if trouble is None:
            log.info("database is back")
        else:
            log.warning("database in trouble", reason=trouble)
        self._trouble = trouble


def _hosts(dsn: str) -> list[tuple[str | None, int | None]]:
    """Return the hosts and ports that a URL lists; a single one is left to the driver."""
    found = conninfo_to_dict(dsn)
    hosts, ports = (str(found.get(name) or "").split(",") for name in ("host", "port"))
    if len(hosts) == 1:
        return [(None, None)]
    return [(host, int(port or 5432)) for host, port in zip(hosts, ports * (len(hosts) // len(ports)), strict=True)]
