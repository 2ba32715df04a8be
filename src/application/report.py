"""What a batch came to: for the worker's logs, and for tests."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from application.batch import Group
from application.offers_service import OffersServiceError

ERROR_LENGTH = 200


class Outcome(StrEnum):
    """What became of a claimed product; `superseded` had lost its lease, its product or its newness meanwhile."""

    REGISTERED = "registered"
    REJECTED = "rejected"
    CONFLICT = "conflict"
    OBSERVED = "observed"
    FORGOTTEN = "forgotten"
    FAILED = "failed"
    POSTPONED = "postponed"
    SUPERSEDED = "superseded"


@dataclass(slots=True)
class Report:
    """What a batch came to: counts by outcome and by error text, and the defects of our own that it brought out."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    defects: list[Exception] = field(default_factory=list)
    held_back: str | None = None
    """Why nothing was claimed although something may be due."""

    def add(self, group: Group[object], outcomes: Mapping[UUID, Outcome]) -> None:
        """Count a group that was committed with these outcomes."""
        lost = len(group.answered) + len(group.failed) - len(outcomes)
        self.outcomes += Counter(outcomes.values())
        self.outcomes += Counter({Outcome.POSTPONED: len(group.unattempted), Outcome.SUPERSEDED: lost})
        for failed in group.failed.values():
            self.errors[error_text(failed.error)] += 1
            if not isinstance(failed.error, OffersServiceError):
                self.defects.append(failed.error)


def error_text(error: Exception) -> str:
    """Say what went wrong in words that may be stored, logged and shown."""
    if isinstance(error, OffersServiceError):
        return str(error)[:ERROR_LENGTH]
    return f"internal error ({type(error).__name__})"
