"""The outcome of a batch, for the worker's logs and metrics."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from application.synchronisation.batch import Group
from application.synchronisation.offers_gateway import (
    AlreadyRegistered,
    AnswerRefused,
    OffersServiceError,
    OffersServiceUnavailable,
    RegistrationRefused,
    UnknownUpstream,
)

ERROR_LENGTH = 200


class Outcome(StrEnum):
    """The outcome of one claimed product; a `superseded` one had lost its lease or its row meanwhile."""

    REGISTERED = "registered"
    REJECTED = "rejected"
    CONFLICT = "conflict"
    OBSERVED = "observed"
    FORGOTTEN = "forgotten"
    FAILED = "failed"
    POSTPONED = "postponed"
    SUPERSEDED = "superseded"


class FailureReason(StrEnum):
    """Why an attempt failed."""

    UNAVAILABLE = "unavailable"
    ANSWER_REFUSED = "answer_refused"
    UNKNOWN_UPSTREAM = "unknown_upstream"
    REGISTRATION_REFUSED = "registration_refused"
    ALREADY_REGISTERED = "already_registered"
    INTERNAL = "internal"


_REASONS = {
    OffersServiceUnavailable: FailureReason.UNAVAILABLE,
    AnswerRefused: FailureReason.ANSWER_REFUSED,
    UnknownUpstream: FailureReason.UNKNOWN_UPSTREAM,
    RegistrationRefused: FailureReason.REGISTRATION_REFUSED,
    AlreadyRegistered: FailureReason.ALREADY_REGISTERED,
}


@dataclass(slots=True)
class BatchReport:
    """Counts by outcome, error text and failure reason, and the defects of our own that the batch triggered."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    failures: Counter[FailureReason] = field(default_factory=Counter)
    refused_rows: int = 0
    """Malformed rows in answers that were good otherwise."""
    lost_offers: int = 0
    """Offers that became unknown, as no observation had confirmed them for three intervals."""
    defects: list[Exception] = field(default_factory=list)
    held_back: str | None = None
    """Why nothing was claimed although something may be due."""
    size: int = 0
    """How many products the batch could have claimed."""

    @property
    def attempted(self) -> int:
        """How many products were claimed and not handed back."""
        return self.outcomes.total() - self.outcomes[Outcome.POSTPONED]

    @property
    def full(self) -> bool:
        """Whether more may be due than the batch could claim."""
        return 0 < self.size <= self.attempted

    def add(self, group: Group[object], outcomes: Mapping[UUID, Outcome]) -> None:
        """Count a group that was committed with these outcomes."""
        lost = len(group.succeeded) + len(group.failed) - len(outcomes)
        self.outcomes += Counter(outcomes.values())
        self.outcomes += Counter({Outcome.POSTPONED: len(group.unattempted), Outcome.SUPERSEDED: lost})
        for failed in group.failed.values():
            self.errors[error_text(failed.error)] += 1
            self.failures[failure_reason(failed.error)] += 1
            if not isinstance(failed.error, OffersServiceError):
                self.defects.append(failed.error)


def error_text(error: Exception) -> str:
    """Describe an error in words that may be stored, logged and shown."""
    if isinstance(error, OffersServiceError):
        return str(error)[:ERROR_LENGTH]
    return f"internal error ({type(error).__name__})"


def failure_reason(error: Exception) -> FailureReason:
    """Return the reason for an error by its class; an error that the Offers service did not cause is our defect."""
    return next((reason for kind, reason in _REASONS.items() if isinstance(error, kind)), FailureReason.INTERNAL)
