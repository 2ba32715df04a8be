"""Each fact that is wrong leads to one finding, and healthy facts lead to none."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from application.diagnosis import rules
from application.diagnosis.facts import StandbyFacts, UpstreamFacts
from application.diagnosis.finding import Check, Finding, Severity
from application.synchronisation.access_token.store import TokenState
from domain.product import RegistrationState
from fakes.healthy_system import DELIVERING, KEPT_UP, SERVER, WORKING

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
ALL_REGISTERED = {RegistrationState.REGISTERED: 1_000, RegistrationState.PENDING: 3}
BROKEN, WARNING = Severity.BROKEN, Severity.WARNING


def kinds(findings: Iterable[Finding]) -> list[tuple[Severity, Check]]:
    found = list(findings)
    for finding in found:
        for text in (finding.problem, finding.effect, finding.remedy):
            assert text[0].isupper() or text[0].isdigit()
            assert text.endswith((".", ")"))
            assert "\n" not in text
    return [(finding.severity, finding.check) for finding in found]


def test_healthy_facts_lead_to_no_finding() -> None:
    assert kinds(rules.of_database(SERVER)) == []
    assert kinds(rules.of_queue_tables(SERVER)) == []
    assert kinds(rules.of_workers(WORKING, MINUTE, MINUTE)) == []
    assert kinds(rules.of_products(WORKING, ALL_REGISTERED)) == []
    assert kinds(rules.of_upkeep(KEPT_UP)) == []
    assert kinds(rules.of_webhooks(DELIVERING)) == []
    assert kinds(rules.of_clock(-MINUTE)) == []
    for state in ("ok", "read-only"):
        assert kinds(rules.of_schema(state)) == []
    for token in (TokenState.OK, TokenState.NONE, TokenState.RENEWING):
        assert kinds(rules.of_token(token)) == []
    for status in (200, 401, 422):
        assert kinds(rules.of_upstream(UpstreamFacts(status, clock_ahead=MINUTE))) == []


@pytest.mark.parametrize(
    ("wrong", "severity"),
    [
        ({"version": 14}, BROKEN),
        ({"encoding": "SQL_ASCII"}, BROKEN),
        ({"read_only": True}, BROKEN),
        ({"missing_rights": ("CREATE on the schema public",)}, BROKEN),
        ({"connections": 88}, WARNING),
        ({"oldest_write": timedelta(hours=1)}, WARNING),
        ({"transaction_limit": 5 * SECOND}, WARNING),
        ({"vacuums": False}, WARNING),
        ({"bloated": {"offer": 200_000}}, WARNING),
        ({"disk_free": 0.05}, WARNING),
        ({"disk_free": 0.01}, BROKEN),
    ],
)
def test_a_database_that_is_not_as_it_should_be(wrong: dict[str, Any], severity: Severity) -> None:
    assert kinds(rules.of_database(replace(SERVER, **wrong))) == [(severity, Check.DATABASE)]


def test_a_disk_out_of_sight_is_no_finding() -> None:
    assert kinds(rules.of_database(replace(SERVER, disk_free=None))) == []


def test_tables_that_migrate_makes() -> None:
    assert kinds(rules.of_schema("outdated")) == kinds(rules.of_schema("incompatible")) == [(BROKEN, Check.SCHEMA)]
    assert kinds(rules.of_queue_tables(replace(SERVER, queue_tables=False))) == [(BROKEN, Check.QUEUE)]


@pytest.mark.parametrize(
    ("wrong", "lag", "found"),
    [
        ({"workers": 0}, 0 * MINUTE, (BROKEN, Check.WORKERS)),
        ({}, 2 * MINUTE, (WARNING, Check.WORKERS)),
        # Of all that is overdue without a worker one finding is enough.
        ({"workers": 0}, 2 * MINUTE, (BROKEN, Check.WORKERS)),
        ({"waiting_jobs": 41}, 0 * MINUTE, (WARNING, Check.QUEUE)),
    ],
)
def test_workers_that_do_too_little(wrong: dict[str, Any], lag: timedelta, found: tuple[Severity, Check]) -> None:
    assert kinds(rules.of_workers(replace(WORKING, **wrong), lag, MINUTE)) == [found]


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        ({"missing_history_days": ("offer_interval_20260101",)}, (BROKEN, Check.PARTITIONS)),
        ({"missing_event_days": ("event_20260101",)}, (BROKEN, Check.PARTITIONS)),
        ({"missing_delivery_days": ("webhook_delivery_20260101",)}, (BROKEN, Check.PARTITIONS)),
        ({"missing_audit_months": ("audit_record_20260101",)}, (BROKEN, Check.PARTITIONS)),
        ({"rolled_up": timedelta(days=3)}, (WARNING, Check.WORKERS)),
    ],
)
def test_housekeeping_that_is_behind(wrong: dict[str, Any], found: tuple[Severity, Check]) -> None:
    assert kinds(rules.of_upkeep(replace(KEPT_UP, **wrong))) == [found]


@pytest.mark.parametrize(
    ("wrong", "products"),
    [
        ({"late_registrations": 1_000}, {}),
        ({"failures": {"the answer is malformed": 7}}, {}),
        ({"refused_rows": 2}, {}),
        ({}, {RegistrationState.REJECTED: 1}),
        ({}, {RegistrationState.CONFLICT: 1}),
    ],
)
def test_products_that_need_somebody(wrong: dict[str, Any], products: dict[RegistrationState, int]) -> None:
    found = rules.of_products(replace(WORKING, **wrong), ALL_REGISTERED | products)
    assert kinds(found) == [(WARNING, Check.PRODUCTS)]


@pytest.mark.parametrize(
    ("state", "severity"),
    [(TokenState.REFUSED, BROKEN), (TokenState.ANOTHER_IS_VALID, WARNING), (TokenState.FAILING, WARNING)],
)
def test_a_token_that_cannot_be_had(state: TokenState, severity: Severity) -> None:
    assert kinds(rules.of_token(state)) == [(severity, Check.TOKEN)]


@pytest.mark.parametrize(
    ("facts", "severity"),
    [
        (UpstreamFacts(None, "connection failed"), BROKEN),
        (UpstreamFacts(404), BROKEN),
        (UpstreamFacts(301), BROKEN),
        (UpstreamFacts(500), WARNING),
        (UpstreamFacts(429), WARNING),
    ],
)
def test_an_offers_service_in_trouble(facts: UpstreamFacts, severity: Severity) -> None:
    assert kinds(rules.of_upstream(facts)) == [(severity, Check.OFFERS_SERVICE)]


@pytest.mark.parametrize("ahead", [-61 * SECOND, 61 * SECOND])
def test_clocks_that_differ(ahead: timedelta) -> None:
    assert kinds(rules.of_clock(ahead)) == [(BROKEN, Check.CLOCK)]
    assert kinds(rules.of_upstream(UpstreamFacts(401, clock_ahead=ahead))) == [(WARNING, Check.CLOCK)]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (lambda: rules.of_clock(timedelta(hours=-3)), "This host's clock is 3 hours behind the database's."),
        (lambda: rules.of_clock(timedelta(seconds=75)), "This host's clock is 75 s ahead of the database's."),
        (
            lambda: rules.of_database(replace(SERVER, disk_free=0.05)),
            "The disk of the database has 5.0% of its space left.",
        ),
    ],
)
def test_numbers_in_words(rule: Callable[[], Iterable[Finding]], words: str) -> None:
    assert [finding.problem for finding in rule()] == [words]


@pytest.mark.parametrize("wrong", [{"given_up": 1}, {"behind": 16 * MINUTE}])
def test_webhooks_in_trouble_are_a_warning(wrong: dict[str, Any]) -> None:
    assert kinds(rules.of_webhooks(replace(DELIVERING, **wrong))) == [(WARNING, Check.WEBHOOKS)]


@pytest.mark.parametrize(
    "found", [rules.of_database(replace(SERVER, vacuums=False)), rules.of_standby(StandbyFacts(feedback=False))]
)
def test_settings_are_changed_by_single_statements_as_postgresql_wants_it(found: Iterable[Finding]) -> None:
    (finding,) = found
    assert re.findall("`(.*?)`", finding.remedy)[1:] == ["SELECT pg_reload_conf()"]
