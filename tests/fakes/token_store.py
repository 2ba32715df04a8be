"""The shared token row kept in memory, for tests of the token's policy."""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from application.clock_watch import TOLERANCE
from application.storage import StorageUnavailable
from application.synchronisation.access_token.store import StoredToken, TokenState

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class _Row:
    issued_at: datetime
    expires_at: datetime
    not_before: datetime
    sealed: bytes | None = None
    failures: int = 0
    trouble: TokenState | None = None
    lease_owner: UUID | None = None
    lease_until: datetime = LONG_AGO


@dataclass
class InMemoryTokenStore:
    """Its clock is the storage's; calls named in `away` don't reach it."""

    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    rows: dict[str, _Row] = field(default_factory=dict)
    away: Collection[str] = ()
    calls: Counter[str] = field(default_factory=Counter)

    async def load(self, name: str) -> StoredToken | None:
        self._reach("load")
        row = self.rows.get(name)
        return None if row is None else self._read(row)

    async def lease(self, name: str, owner: UUID, duration: timedelta) -> StoredToken | None:
        self._reach("lease")
        now = self.clock()
        row = self.rows.setdefault(name, _Row(now, now, now))
        shown = self._read(row)
        if shown.due_in > timedelta(0) or shown.leased:
            return None
        row.lease_owner, row.lease_until, row.issued_at = owner, now + duration, now
        return self._read(row)

    async def keep(
        self, name: str, owner: UUID, sealed: bytes, *, failures: int, expires_in: timedelta, due_in: timedelta
    ) -> bool:
        self._reach("keep")
        row, now = self.rows.get(name), self.clock()
        if row is None or row.lease_owner != owner:
            return False
        row.sealed, row.issued_at, row.expires_at, row.not_before = sealed, now, now + expires_in, now + due_in
        row.failures, row.trouble, row.lease_owner = failures, None, None
        return True

    async def postpone(self, name: str, owner: UUID, *, failures: int, trouble: TokenState, due_in: timedelta) -> bool:
        self._reach("postpone")
        row = self.rows.get(name)
        if row is None or row.lease_owner != owner:
            return False
        self._forget(row, failures, trouble, due_in)
        row.lease_owner = None
        return True

    async def drop(
        self, name: str, sealed: bytes, *, failures: int, trouble: TokenState | None, due_in: timedelta
    ) -> bool:
        self._reach("drop")
        row = self.rows.get(name)
        if row is None or row.sealed != sealed:
            return False
        self._forget(row, failures, trouble, due_in)
        return True

    def _forget(self, row: _Row, failures: int, trouble: TokenState | None, due_in: timedelta) -> None:
        row.sealed, row.failures, row.trouble, row.not_before = None, failures, trouble, self.clock() + due_in
        row.issued_at = self.clock()

    def _read(self, row: _Row) -> StoredToken:
        now = self.clock()
        ahead = row.issued_at > now + TOLERANCE
        leased = row.lease_owner is not None and row.lease_until > now and not ahead
        return StoredToken(
            row.sealed,
            now - row.issued_at,
            row.expires_at - now,
            timedelta(0) if ahead else row.not_before - now,
            leased,
            row.failures,
            row.trouble,
        )

    def _reach(self, call: str) -> None:
        self.calls[call] += 1
        if call in self.away:
            raise StorageUnavailable
