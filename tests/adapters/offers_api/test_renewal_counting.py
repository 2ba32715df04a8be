"""What is counted of renewals of the shared access token, and of tokens that are of no use."""

from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from uuid import uuid4

import pytest

from adapters.metrics.metrics import Metrics
from adapters.token_log import LoggedTokenEvents
from application.synchronisation.access_token.issuing import IssuedToken, TokenIssuer
from application.synchronisation.access_token.secret import Secret
from application.synchronisation.access_token.shared_token import SharedAccessToken
from application.synchronisation.offers_gateway import AnswerRefused, NotAuthorised, OffersServiceUnavailable
from entrypoints.development.offers_simulator.app import running_simulator
from entrypoints.development.offers_simulator.options import DEFAULT_REFRESH_TOKEN, SimulatorOptions
from fakes.storage import FakeClock
from fakes.token_store import InMemoryTokenStore
from telemetry.metric_values import counted, series
from upstream.clients import issuer_of, shared_token_of


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def sharing(
    metrics: Metrics, clock: FakeClock, issue: TokenIssuer, store: InMemoryTokenStore | None = None
) -> SharedAccessToken:
    return shared_token_of(
        "http://upstream",
        "r",
        store=store or InMemoryTokenStore(clock),
        issue=issue,
        clock=clock,
        observe=LoggedTokenEvents(metrics.upstream.renewal),
    )


def renewals(metrics: Metrics) -> dict[str, float]:
    """Return the renewals counted, by outcome."""
    return {labels["outcome"]: value for labels, value in series(metrics, "aggregator_token_renewals_total") if value}


async def test_renewals_are_counted_and_the_calls_for_them(metrics: Metrics) -> None:
    async with running_simulator(SimulatorOptions(seed=1)) as simulator, AsyncExitStack() as stack:
        for refresh_token in (DEFAULT_REFRESH_TOKEN, DEFAULT_REFRESH_TOKEN, "wrong"):
            issuer = issuer_of(simulator.base_url, refresh_token, observe=metrics.upstream.call)
            stack.push_async_callback(issuer.aclose)
            token = sharing(metrics, FakeClock(), issuer)
            with suppress(NotAuthorised):
                await token.current()
                await token.current()
    assert renewals(metrics) == {"renewed": 1, "another_is_valid": 1, "refused": 1}
    for status in ("201", "400", "401"):
        assert counted(metrics, "aggregator_upstream_calls_total", call="auth", status=status) == 1


@pytest.mark.parametrize("error", [OffersServiceUnavailable("timeout"), AnswerRefused("no token")])
async def test_a_renewal_that_fails_is_counted(metrics: Metrics, clock: FakeClock, error: Exception) -> None:
    async def issue() -> IssuedToken:
        raise error

    with suppress(NotAuthorised):
        await sharing(metrics, clock, issue).current()
    assert renewals(metrics) == {"failing": 1}


async def test_tokens_that_are_of_no_use_are_counted_once_for_all_processes(metrics: Metrics, clock: FakeClock) -> None:
    store, issued = InMemoryTokenStore(clock), iter(["one", "two"])

    async def issue() -> IssuedToken:
        return IssuedToken(Secret(next(issued)), None)

    first, second = sharing(metrics, clock, issue, store), sharing(metrics, clock, issue, store)
    refused = await first.current()
    assert await second.current() == refused
    await first.refused(refused)
    await second.refused(refused)
    assert renewals(metrics) == {"renewed": 1, "dropped": 1}

    clock.advance(timedelta(seconds=60))
    await first.current()
    (row,) = store.rows.values()
    row.sealed = b"sealed by nobody that we know"
    with pytest.raises(NotAuthorised):
        await second.current()
    assert renewals(metrics) == {"renewed": 2, "dropped": 1, "unreadable": 1}


async def test_a_token_that_comes_after_the_lease_is_counted(metrics: Metrics, clock: FakeClock) -> None:
    store = InMemoryTokenStore(clock)

    async def issue() -> IssuedToken:
        clock.advance(timedelta(seconds=20))
        (name,) = store.rows
        assert await store.lease(name, uuid4(), timedelta(seconds=15))
        return IssuedToken(Secret("late"), None)

    with pytest.raises(NotAuthorised):
        await sharing(metrics, clock, issue, store).current()
    assert renewals(metrics) == {"too_late": 1}
