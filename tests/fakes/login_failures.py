"""Failed logins kept in memory."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from application.access.login_limits import LoginFailure
from fakes.storage import InMemoryStorage

FORGOTTEN_AT_ONCE = 2


class _Row(NamedTuple):
    address: str
    account: bytes
    failed_at: datetime


class InMemoryLoginFailures:
    """Failures by the clock of the storage, and gone whenever that is."""

    def __init__(self, storage: InMemoryStorage) -> None:
        self._storage = storage
        self.rows: list[_Row] = []

    async def recent(self, address: str, within: timedelta, at_most: int) -> Sequence[LoginFailure]:
        self._storage.reach()
        now = self._storage.clock()
        ages = [(row.account, now - row.failed_at) for row in reversed(self.rows) if row.address == address]
        return [LoginFailure(account, age) for account, age in ages if timedelta(0) <= age < within][:at_most]

    async def note(self, account: bytes, address: str, kept: timedelta) -> None:
        self._storage.reach()
        now = self._storage.clock()
        over = [row for row in self.rows if row.failed_at < now - kept]
        for row in over[:FORGOTTEN_AT_ONCE]:
            self.rows.remove(row)
        self.rows.append(_Row(address, account, now))
