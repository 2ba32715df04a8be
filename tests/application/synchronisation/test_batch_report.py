"""What a report says of failures: the bounded reason beside the text."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from application.synchronisation.batch import Failed, Group
from application.synchronisation.batch_report import BatchReport, FailureReason, Outcome, failure_reason
from application.synchronisation.offers_gateway import (
    AlreadyRegistered,
    AnswerRefused,
    NotAttempted,
    OffersServiceError,
    OffersServiceUnavailable,
    RegistrationRefused,
    UnknownUpstream,
)

REASONS = [
    (OffersServiceUnavailable("timeout", 3.0), FailureReason.UNAVAILABLE),
    (AnswerRefused("not a list"), FailureReason.ANSWER_REFUSED),
    (UnknownUpstream(), FailureReason.UNKNOWN_UPSTREAM),
    (RegistrationRefused("the name is bad"), FailureReason.REGISTRATION_REFUSED),
    (AlreadyRegistered(), FailureReason.ALREADY_REGISTERED),
    (ZeroDivisionError("a text"), FailureReason.INTERNAL),
]


@pytest.mark.parametrize(("error", "reason"), REASONS)
def test_the_reason_of_a_failure_is_one_word_by_its_class(error: Exception, reason: FailureReason) -> None:
    assert failure_reason(error) is reason


def test_every_reason_and_every_refusal_that_fails_a_product_is_known() -> None:
    assert {reason for _, reason in REASONS} == set(FailureReason)
    refusals = set(OffersServiceError.__subclasses__()) - {NotAttempted}
    assert refusals == {type(error) for error, _ in REASONS} - {ZeroDivisionError}


def test_failures_of_a_group_are_counted_by_reason() -> None:
    now = datetime.now(UTC)
    errors = [AnswerRefused("one text"), AnswerRefused("another"), ZeroDivisionError()]
    failed = {UUID(int=number): Failed(error, now) for number, error in enumerate(errors)}
    report = BatchReport()
    for _ in range(2):
        report.add(Group({}, failed, frozenset()), dict.fromkeys(failed, Outcome.FAILED))
    assert report.failures == {FailureReason.ANSWER_REFUSED: 4, FailureReason.INTERNAL: 2}
