"""The order that must hold between the limits; tests/entrypoints/test_limits.py checks it."""

from collections.abc import Callable

from application.synchronisation.repositories import LONGEST_LEASE, LONGEST_REGISTRATION_WAIT
from application.synchronisation.timing import Timing
from application.webhooks.ports import LONGEST_DELIVERY_LEASE
from entrypoints.limits import DIAGNOSING, SERVING, WORKING, Limits

ORDER: tuple[tuple[str, Callable[[Limits, Timing], tuple[float, float]]], ...] = (
    (
        "a wait for a locked row ends before the statement does, so that the caller learns the reason",
        lambda limits, _: (limits.database.lock, limits.database.statement),
    ),
    (
        "an API statement, with its waits for a connection and an answer, ends before its request does",
        lambda limits, _: (
            limits.database.pool_wait
            + limits.database.connect
            + SERVING.database.statement
            + limits.database.answer_margin,
            limits.requests.request,
        ),
    ),
    (
        "a wait for a place, and a statement after it, end before the request does",
        lambda limits, _: (
            max(
                limits.requests.write_wait,
                limits.requests.searches.patience,
                limits.requests.costly_reads.patience,
                limits.requests.batches.patience,
                limits.requests.password_checks.patience,
            )
            + limits.database.pool_wait
            + limits.database.connect
            + SERVING.database.statement
            + limits.database.answer_margin,
            limits.requests.request,
        ),
    ),
    (
        "a read that waited for a place and is given up on the standby is done on the primary before its request ends",
        lambda limits, _: (
            max(limits.requests.searches.patience, limits.requests.costly_reads.patience)
            + limits.standby.read
            + limits.database.pool_wait
            + limits.database.connect
            + SERVING.database.statement
            + limits.database.answer_margin,
            limits.requests.request,
        ),
    ),
    (
        "a statement of the standby ends before it is given up, so that a slow one shows that the server is alive",
        lambda limits, _: (limits.standby.database.statement, limits.standby.read),
    ),
    (
        "the first batch of an export, given up on the standby, comes before its request ends",
        lambda limits, _: (
            limits.standby.first_batch
            + limits.database.pool_wait
            + limits.database.connect
            + limits.snapshots.statement
            + limits.snapshots.answer_margin,
            limits.requests.request,
        ),
    ),
    (
        "a client that takes no part of an export is given up before the database gives up the reader",
        lambda limits, _: (limits.requests.export_pause, limits.snapshots.idle),
    ),
    (
        "an export that is cut gives its connection back before the process is ended by force",
        lambda limits, _: (limits.requests.finish + limits.snapshots.end, limits.stop_by_force),
    ),
    (
        "a connection to upstream is established before a piece of its answer is overdue",
        lambda limits, _: (limits.upstream.connect, limits.upstream.read),
    ),
    (
        "a piece of an answer is overdue before the whole call is",
        lambda limits, _: (limits.upstream.read, limits.upstream.call),
    ),
    (
        "a call, with its wait for a place, ends by the batch's deadline",
        lambda limits, timing: (limits.upstream.turn + limits.upstream.call, timing.batch_deadline + 0.001),
    ),
    (
        "a batch's last write ends before its lease does",
        lambda limits, timing: (
            timing.batch_deadline + limits.database.lock + timing.group_age,
            timing.lease.total_seconds(),
        ),
    ),
    (
        # A claim reads the time at which its transaction began, which may be this much before another one's.
        "a lease is believed by claims that began before it, and after the database's clock was set back",
        lambda _, timing: (
            timing.lease.total_seconds() + WORKING.database.statement,
            LONGEST_LEASE.total_seconds(),
        ),
    ),
    (
        "no registration waits longer than is believed then",
        lambda _, timing: (
            max(timing.longest_registration_backoff, timing.longest_retry_after).total_seconds(),
            LONGEST_REGISTRATION_WAIT.total_seconds() + 0.001,
        ),
    ),
    (
        "a request for a token ends before the lease on its renewal does",
        lambda limits, _: (limits.upstream.call, limits.token.lease.total_seconds()),
    ),
    (
        "the calls of a round of deliveries, and the statements around them, end before its lease does",
        lambda limits, _: (
            limits.deliveries.beginning + limits.sending.call + 2 * WORKING.database.statement,
            limits.deliveries.lease.total_seconds(),
        ),
    ),
    (
        "no lease on a webhook is longer than the longest that is believed after the database's clock was set back",
        lambda limits, _: (limits.deliveries.lease.total_seconds(), LONGEST_DELIVERY_LEASE.total_seconds()),
    ),
    (
        "a stalled statement of the queue ends before the worker counts as stalled",
        lambda limits, _: (
            limits.queue.pool_wait + 2 * (limits.queue.statement + limits.queue.answer_margin),
            limits.stalled,
        ),
    ),
    (
        "a worker's probe fails before the worker ends itself",
        lambda limits, _: (limits.unhealthy, limits.stalled),
    ),
    (
        "a run of the housekeeping begins nothing in the minute before it is broken off",
        lambda limits, _: (limits.upkeep.begins + 59.0, limits.housekeeping),
    ),
    (
        "the last spans are given up before the process is ended by force",
        lambda limits, _: (max(limits.requests.finish, limits.write_at_end) + limits.traces.end, limits.stop_by_force),
    ),
    (
        "a diagnosis ends before its process is ended by force",
        lambda limits, _: (2 * limits.diagnosis + limits.database.close, DIAGNOSING.stop_by_force),
    ),
    (
        "a diagnosis ends before the request for its findings does",
        lambda limits, _: (2 * limits.diagnosis, limits.requests.request),
    ),
    (
        "requests and writes under way end before the process is ended by force",
        lambda limits, _: (max(limits.requests.finish, limits.write_at_end), limits.stop_by_force),
    ),
)
"""Pairs of a shorter and a longer duration, each with the reason for their order."""
