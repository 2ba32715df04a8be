"""Every time-out and limit in one table; limit_order.py has the order that must hold between them.

The numbers reach their users as constructor arguments. docs/limits.md explains them to operators.
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta

from adapters.offers_api.limits import HttpLimits
from adapters.postgres.connection import DatabaseLimits
from adapters.postgres.snapshot import SnapshotLimits
from adapters.postgres.standby.watch import StandbyLimits
from adapters.queue_connections import QueueLimits
from adapters.tracing.limits import TraceLimits
from adapters.webhooks.limits import SendingLimits
from application.clock_watch import TOLERANCE
from application.events.feed import FeedTiming
from application.fair_queue import FairQueue
from application.synchronisation.access_token.timing import TokenTiming
from application.upkeep_pace import UpkeepPace
from application.webhooks.delivery import DeliveryTiming
from entrypoints.configuration.settings import DATABASE_CONNECTIONS


@dataclass(frozen=True, slots=True)
class Shares:
    """Places that the addresses of callers share: see `FairQueue`."""

    at_once: int
    each: int
    waiting: int = 0
    patience: float = 0.0

    def queue(self) -> FairQueue:
        """Make the queue for them."""
        return FairQueue(at_once=self.at_once, each=self.each, waiting=self.waiting, patience=self.patience)

    def at_most(self, places: int) -> "Shares":
        """Return these shares with so many places at most, and one at least."""
        at_once = max(1, min(self.at_once, places))
        return replace(self, at_once=at_once, each=max(1, min(self.each, at_once - 1)))


@dataclass(frozen=True, slots=True)
class HeadLimits:
    """Limits of the part of a request before its body."""

    size: int = 32 * 1024
    """Bytes of a head, and of trailers and chunk extensions in a row."""
    fields: int = 100
    seconds: float = 10.0
    """For a whole head."""


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Limits of the HTTP API; durations are in seconds."""

    reads: int = 32
    """Reads under way in one process: enough to keep it busy, few enough to be answered in time."""
    writes: int = 64
    """More would wait for a connection longer than a connection is waited for."""
    writes_waiting: int = 256
    write_wait: float = 3.5
    """Writes come from few clients, who prefer to wait."""
    searches: Shares = Shares(at_once=3, each=2, waiting=30, patience=3.5)
    """A search takes a core for up to 100 ms; this many leave connections to other requests."""
    forms: Shares = Shares(at_once=512, each=16)
    """Logins and other bodies that are read without a token: anybody may begin one and be slow to send it."""
    costly_reads: Shares = Shares(at_once=4, each=3, waiting=12, patience=3.5)
    """Reads that sum history may each hold a connection for seconds; this many leave some to other requests."""
    exports: Shares = Shares(at_once=2, each=1)
    """Each holds a connection, and a snapshot of the database, for as long as it streams."""
    event_streams: Shares = Shares(at_once=1_000, each=250)
    """Streams of events, and as many requests that wait for one: each holds a task, and no connection."""
    event_reads: int = 2
    """Reads of the event log under way; streams and waiting requests may come again all in one moment."""
    event_wait: float = 25.0
    """For an event to come."""
    event_silence: float = 15.0
    """Of a stream, until a comment shows that it lives."""
    event_stalled: float = 15.0
    """For a client to take the sent bytes of a stream."""
    event_feed: FeedTiming = field(default_factory=FeedTiming)
    export_total: float = 600.0
    """For a whole export. A client goes on where it was cut (`after`)."""
    export_pause: float = 30.0
    """For a client to take one part of an export."""
    batch_bodies: Shares = Shares(at_once=16, each=8)
    """Batches of new products that are read or wait: each may hold some 10 MiB."""
    batches: Shares = Shares(at_once=2, each=1, waiting=16, patience=3.5)
    """Batches that are stored: each may hold a connection for a second."""
    batch_body: int = 2 * 1024 * 1024
    """Bytes of a batch."""
    mistakes_of_each: int = 10
    """Mistakes that one answer lists of each product of a batch."""
    password_checks: Shares = Shares(at_once=2, each=1, waiting=32, patience=3.5)
    """Each takes a core for about 80 ms. One at a time for an address: see `Credentials`."""
    body: int = 64 * 1024
    """Bytes of a request's body."""
    mistakes: int = 100
    """Mistakes that one answer lists, so that no answer is many times as long as its request."""
    request: float = 10.0
    """From a request's arrival to the beginning of its answer."""
    finish: float = 4.0
    """For requests under way when the server stops."""
    check: float = 2.5
    """One dependency's answer to a readiness probe."""


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """Limits of API keys; durations are in seconds."""

    verified: float = 5.0
    """For which a verified key is not read again, so for which a revoked one may still be accepted."""
    verified_keys: int = 1_000
    """Verified keys that a process remembers."""
    between_writes: float = 1.0
    """From one write of the last uses of keys to the next."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one process."""

    database: DatabaseLimits = field(default_factory=DatabaseLimits)
    queue: QueueLimits = field(default_factory=QueueLimits)
    standby: StandbyLimits = field(default_factory=StandbyLimits)
    heads: HeadLimits = field(default_factory=HeadLimits)
    snapshots: SnapshotLimits = field(default_factory=SnapshotLimits)
    requests: RequestLimits = field(default_factory=RequestLimits)
    keys: KeyLimits = field(default_factory=KeyLimits)
    upkeep: UpkeepPace = field(default_factory=UpkeepPace)
    upstream: HttpLimits = field(default_factory=HttpLimits)
    token: TokenTiming = field(default_factory=TokenTiming)
    deliveries: DeliveryTiming = field(default_factory=DeliveryTiming)
    sending: SendingLimits = field(default_factory=SendingLimits)
    deliveries_kept: timedelta = timedelta(days=7)
    """For which attempts to deliver an event stay in the delivery log at least."""
    traces: TraceLimits = field(default_factory=TraceLimits)
    stop_by_force: float = 20.0
    """From SIGTERM to the end of a process that something holds."""
    unhealthy: float = 30.0
    """Without a tick, after which a worker's probe fails."""
    stalled: float = 60.0
    """Without a tick, after which a worker ends itself."""
    housekeeping: float = 300.0
    """For a run of the housekeeping."""
    listed_changes: float = 60.0
    """For a run that computes the price changes of lists."""
    write_at_end: float = 4.0
    """For a worker to write the answers that have arrived when it stops."""
    diagnosis: float = 3.5
    """One check of a diagnosis, of which two may follow each other."""
    diagnosis_kept: float = 5.0
    """For which the admin's page shows the findings of the last diagnosis again."""

    @property
    def settles(self) -> timedelta:
        """The time after a moment in which a product of that moment may still be created.

        A request may take that long to commit, and the clocks of both processes may differ from the database's.
        """
        return timedelta(seconds=self.requests.request) + 2 * TOLERANCE

    def streaming(self, streams: int) -> "Limits":
        """Return these limits for a process that may have so many streams of events."""
        shares = self.requests.event_streams
        shares = replace(shares, at_once=streams, each=min(shares.each, streams))
        return replace(self, requests=replace(self.requests, event_streams=shares))

    @property
    def past_pooler(self) -> DatabaseLimits:
        """The limits of the engine past a pooler: a lock of the housekeeping, and a statement under it."""
        return replace(self.database, connections=min(2, self.database.connections), reserved=0)

    def sharing(self, connections: int) -> "Limits":
        """Return these limits for a process that may have so many connections, those of the queue included."""
        shared = connections - self.database.reserved
        queue = min(self.queue.connections, shared // 2)
        lent = shared - queue
        requests = self.requests
        # Together they leave a connection to other requests, unless there are only a few.
        searches = requests.searches.at_most(lent // 2 - 1)
        exports = requests.exports.at_most(lent // 5)
        costly_reads = requests.costly_reads.at_most(lent - 2 - searches.at_once - exports.at_once)
        batches = requests.batches.at_most(lent - 1 - searches.at_once - exports.at_once - costly_reads.at_once)
        return replace(
            self,
            database=replace(self.database, connections=lent),
            queue=replace(self.queue, connections=queue),
            standby=replace(self.standby, database=replace(self.standby.database, connections=lent)),
            requests=replace(requests, searches=searches, exports=exports, costly_reads=costly_reads, batches=batches),
        )


# A worker listens for jobs on a connection of its own; the API only adds some.
SERVING = Limits(database=DatabaseLimits(reserved=1), queue=QueueLimits(connections=1)).sharing(DATABASE_CONNECTIONS)
WORKING = Limits(database=DatabaseLimits(statement=10.0), queue=QueueLimits(connections=3)).sharing(
    DATABASE_CONNECTIONS
)
# One connection: it migrates, and gives the connection back before the queue's tables are made.
MIGRATING = Limits(database=DatabaseLimits(connections=1, statement=600.0), queue=QueueLimits(connections=1))
# A past is written beside workers: it waits for what they have locked rather than end in the middle.
SEEDING = replace(MIGRATING, database=replace(MIGRATING.database, lock=30.0))
# A doctor ends within 10 s even if checks hang, and takes few connections where there may be none left.
DIAGNOSING = Limits(database=DatabaseLimits(connections=3), stop_by_force=9.5)
# A command of an operator: one statement after the other.
COMMANDING = Limits(database=DatabaseLimits(connections=1, statement=10.0))
