"""The limits as they ship: their order, and the numbers that pages of the contract name."""

from collections.abc import Callable

import pytest

from application.synchronisation.timing import Timing
from entrypoints.limit_order import ORDER
from entrypoints.limits import MIGRATING, SERVING, WORKING, Limits, RequestLimits

Pair = Callable[[Limits, Timing], tuple[float, float]]


@pytest.mark.parametrize("limits", [SERVING, WORKING, MIGRATING], ids=["serving", "working", "migrating"])
@pytest.mark.parametrize(("reason", "pair"), ORDER, ids=[reason for reason, _ in ORDER])
def test_the_shorter_duration_is_shorter(limits: Limits, reason: str, pair: Pair) -> None:
    shorter, longer = pair(limits, Timing())
    assert 0 < shorter < longer, reason


def test_the_numbers_of_the_contract() -> None:
    upstream, requests, database, timing = SERVING.upstream, SERVING.requests, SERVING.database, Timing()
    assert (upstream.connect, upstream.read, upstream.call, upstream.body) == (2, 5, 10, 2**20)
    assert (requests.request, requests.body) == (10, 64 * 1024)
    assert (database.statement, database.lock, database.pool_wait) == (2, 1, 1)
    assert timing.batch_deadline == 15
    assert timing.lease.total_seconds() <= 60


def test_a_probe_comes_within_15_seconds_with_the_tick_and_the_queue() -> None:
    timing = Timing()
    assert timing.probe_after + 2 * timing.tick < 15


def test_reads_leave_connections_to_others() -> None:
    requests = RequestLimits()
    shares = (requests.costly_reads, requests.searches, requests.password_checks)
    assert sum(each.at_once for each in shares) < SERVING.database.connections < requests.reads


def test_no_address_has_all_places() -> None:
    requests = SERVING.requests
    for shares in (requests.costly_reads, requests.searches, requests.password_checks, requests.forms):
        assert shares.each < shares.at_once


@pytest.mark.parametrize("connections", [4, 5, 8, 16, 100])
@pytest.mark.parametrize("limits", [SERVING, WORKING], ids=["serving", "working"])
def test_a_process_shares_its_connections_out(limits: Limits, connections: int) -> None:
    shared = limits.sharing(connections)
    assert shared.database.connections + shared.database.reserved + shared.queue.connections == connections
    requests = shared.requests
    shares = (requests.searches, requests.exports, requests.costly_reads, requests.batches)
    assert len(shares) <= sum(each.at_once for each in shares) <= max(len(shares), shared.database.connections - 1)


def test_a_worker_can_listen_and_take_jobs_at_the_same_time() -> None:
    assert WORKING.sharing(4).queue.connections == 2


def test_migrating_takes_one_connection_at_a_time() -> None:
    assert MIGRATING.database.connections + MIGRATING.database.reserved == 1
