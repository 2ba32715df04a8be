"""The row of the shared access token, looked at and aged by SQL, so that full durations cost no waiting."""

from dataclasses import dataclass
from datetime import timedelta

from application.synchronisation.access_token.timing import TokenTiming
from e2e.divided_worker import Durations
from e2e.faults.in_process_worker import InProcessWorker

RETRIES = (60, 120, 240, 450)
"""Seconds, thirty times those of production, so that none of them is over before a slow test has looked."""
ALWAYS_LOOKS = Durations(
    token=TokenTiming(look_again=timedelta(0), retries=tuple(timedelta(seconds=seconds) for seconds in RETRIES))
)
"""Durations with which a process without a token asks the row each time."""


@dataclass(frozen=True)
class TokenRow:
    """The one row of the database."""

    in_process: InProcessWorker

    @property
    def sealed(self) -> bytes | None:
        """The token that is stored."""
        rows = self.in_process.query("SELECT sealed FROM access_token")
        return rows[0][0] if rows else None

    @property
    def failures(self) -> int:
        """How many renewals in a row have failed."""
        return self.in_process.number("SELECT failures FROM access_token")

    @property
    def due_in(self) -> float:
        """Seconds until a renewal may start."""
        return self._seconds_until("not_before")

    @property
    def expires_in(self) -> float:
        """Seconds until the token is used no more."""
        return self._seconds_until("expires_at")

    def lose(self) -> None:
        """Delete it."""
        self.in_process.execute("DELETE FROM access_token")

    def make_due(self) -> None:
        """Let the time pass until the next renewal may start."""
        self.in_process.execute("UPDATE access_token SET not_before = clock_timestamp()")

    def make_old(self) -> None:
        """Let the token have been issued a minute earlier; a process must not have read it yet."""
        self.in_process.execute("UPDATE access_token SET issued_at = issued_at - interval '1 minute'")

    def _seconds_until(self, column: str) -> float:
        [(seconds,)] = self.in_process.query(
            f"SELECT extract(epoch FROM {column} - clock_timestamp()) FROM access_token"
        )
        return float(seconds)
