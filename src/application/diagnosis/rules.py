"""The rules that turn facts into findings. Pure functions: a page, a command and tests share them and their words."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from application.clock_watch import TOLERANCE
from application.diagnosis.facts import (
    LATE_REGISTRATION,
    DatabaseFacts,
    StandbyFacts,
    SynchronisationFacts,
    UpkeepFacts,
    UpstreamFacts,
)
from application.diagnosis.finding import Check, Finding, broken, warning
from application.synchronisation.access_token.store import TokenState
from application.webhooks.ports import WebhookSummary
from domain.product import RegistrationState

FEW_CONNECTIONS = 10
"""Free connections of the server below which the next process may find none."""
LONG_WRITE = timedelta(minutes=1)
"""Our own transactions end within seconds, but for migrations."""
LITTLE_DISK, NO_DISK = 0.10, 0.02
"""Free shares of the disk."""
MANY_JOBS = 40
"""One tick leaves 20 jobs waiting at most; workers that tick at the same moment leave more."""
FAR_BEHIND = timedelta(minutes=15)
"""Age of an event that no attempt was made to send: a worker that lives takes seconds."""
LATE_ROLL_UP = timedelta(days=2)
TOO_MANY_REQUESTS, NOT_FOUND, REDIRECTIONS, SERVER_ERRORS = 429, 404, range(300, 400), range(500, 600)

_SHOWN = "See `GET /products?attention=true`, or /admin"
_NTP = "Set the clocks of both hosts by NTP."


def of_database(facts: DatabaseFacts) -> Iterator[Finding]:
    """Return the findings about the database server."""
    if facts.version < facts.oldest_version:
        yield broken(
            Check.DATABASE,
            f"PostgreSQL {facts.version} is too old.",
            "No command starts.",
            f"Upgrade the server to PostgreSQL {facts.oldest_version} or newer.",
        )
    if facts.encoding != "UTF8":
        yield broken(
            Check.DATABASE,
            f"The database's encoding is {facts.encoding}.",
            "No command starts, because names of products would be lost.",
            "Create a database with ENCODING 'UTF8' and TEMPLATE template0, and set DATABASE_URL to it.",
        )
    if facts.read_only:
        yield broken(
            Check.DATABASE,
            "The database is read-only.",
            "Reads are answered, but nothing is created, registered or observed.",
            "Set DATABASE_URL to the primary server, or run `SELECT pg_promote()` on this one if the primary is lost.",
        )
    if facts.missing_rights:
        yield broken(
            Check.DATABASE,
            f"The role of DATABASE_URL lacks rights: {', '.join(facts.missing_rights)}.",
            "Migrations and the housekeeping of workers fail.",
            "Run `ALTER DATABASE … OWNER TO …` as a superuser, or grant these rights.",
        )
    yield from _of_server_resources(facts)


def _of_server_resources(facts: DatabaseFacts) -> Iterator[Finding]:
    free = facts.connections_allowed - facts.connections
    if free < FEW_CONNECTIONS:
        yield warning(
            Check.DATABASE,
            f"{facts.connections} of the server's {facts.connections_allowed} connections are open.",
            "The next process or connection may be refused, for example while a release replaces processes.",
            "Lower DATABASE_CONNECTIONS, run fewer processes, or raise max_connections of the server.",
        )
    if facts.oldest_write > LONG_WRITE:
        yield warning(
            Check.DATABASE,
            f"A transaction that has written is {_words(facts.oldest_write)} old.",
            "It keeps rows locked, and dead rows cannot be removed.",
            "Find it with `SELECT pid, query FROM pg_stat_activity WHERE backend_xid IS NOT NULL ORDER BY xact_start`, "
            "and end it with `SELECT pg_terminate_backend(pid)`.",
        )
    if timedelta(0) < facts.transaction_limit < LONG_WRITE:
        yield warning(
            Check.DATABASE,
            f"The server ends transactions after {_words(facts.transaction_limit)} (transaction_timeout).",
            "Migrations and the housekeeping of workers may be broken off.",
            "Run `ALTER ROLE … SET transaction_timeout = 0` for the role of DATABASE_URL.",
        )
    if not facts.vacuums:
        yield warning(
            Check.DATABASE,
            "Autovacuum is off.",
            "Tables grow with every poll, and everything becomes slower.",
            "Run `ALTER SYSTEM SET autovacuum = on`, and then `SELECT pg_reload_conf()`, as a superuser.",
        )
    if facts.bloated:
        worst = ", ".join(f"{table} ({dead} dead rows)" for table, dead in facts.bloated.items())
        yield warning(
            Check.DATABASE,
            f"Tables have more dead rows than living ones: {worst}.",
            "Refreshing and reads become slower.",
            f"Run `VACUUM ANALYZE {', '.join(facts.bloated)}`, and look for long transactions that keep autovacuum "
            "from removing them.",
        )
    if facts.disk_free is not None and facts.disk_free < LITTLE_DISK:
        severity = broken if facts.disk_free < NO_DISK else warning
        yield severity(
            Check.DATABASE,
            f"The disk of the database has {facts.disk_free:.1%} of its space left.",
            "PostgreSQL stops when it is full.",
            "Enlarge the disk, or keep less history by the HISTORY_… settings: see `Bytes` in docs/performance.md.",
        )


def of_standby(facts: StandbyFacts) -> Iterator[Finding]:
    """Return the finding about the standby that reads are sent to."""
    effect = "The primary answers all reads."
    if facts.trouble:
        yield warning(
            Check.STANDBY,
            f"The standby cannot be used: {facts.trouble}.",
            effect,
            "Start it, correct DATABASE_READ_URL, or remove that and restart the API.",
        )
    elif not facts.replays:
        yield warning(
            Check.STANDBY,
            "The server of DATABASE_READ_URL is no standby: it was promoted, or never was one.",
            effect,
            "If it is the new primary, set DATABASE_URL to it. Set DATABASE_READ_URL to a standby of the primary, and "
            "restart the API.",
        )
    elif not facts.related:
        yield warning(
            Check.STANDBY,
            "The standby does not replay what the primary of DATABASE_URL writes.",
            effect,
            "If the primary was replaced within the last minutes, run `CHECKPOINT` there and then on the standby; else "
            "make the standby anew, with pg_basebackup.",
        )
    elif facts.behind:
        yield warning(
            Check.STANDBY,
            f"The standby has not replayed the last {facts.behind} bytes that the primary wrote.",
            "While it is older than DATABASE_READ_MAX_LAG the primary answers all reads.",
            "Look at pg_stat_replication on the primary, and at pg_is_wal_replay_paused() and recovery_min_apply_delay "
            "on the standby.",
        )
    elif not facts.feedback:
        yield warning(
            Check.STANDBY,
            "hot_standby_feedback is off on the standby.",
            "Long reads there are cancelled, which cuts exports, or they hold the replay up.",
            "Run `ALTER SYSTEM SET hot_standby_feedback = on` there, and then `SELECT pg_reload_conf()`.",
        )


def of_schema(state: str) -> Iterator[Finding]:
    """Return the finding about the schema; there is none for `ok` and `read-only`."""
    if state == "outdated":
        yield broken(
            Check.SCHEMA,
            "The database is older than this release needs.",
            "API and workers refuse to start.",
            "Run `aggregator migrate`.",
        )
    elif state == "incompatible":
        yield broken(
            Check.SCHEMA,
            "The database was changed by a newer release, or belongs to another application.",
            "This release refuses to start on it.",
            "Run the newer release, or set DATABASE_URL to this service's database.",
        )


def of_queue_tables(facts: DatabaseFacts) -> Iterator[Finding]:
    """Return the finding about missing tables of the job queue."""
    if not facts.queue_tables:
        yield broken(
            Check.QUEUE,
            "The job queue has no tables.",
            "Workers refuse to start, and nothing is registered or observed.",
            "Run `aggregator migrate`.",
        )


def of_workers(facts: SynchronisationFacts, lag: timedelta, interval: timedelta) -> Iterator[Finding]:
    """Return the findings about workers.

    `interval` lies between two observations of a product, and `lag` is how overdue the most overdue one is.
    """
    idle = facts.workers == 0
    if idle:
        yield broken(
            Check.WORKERS,
            "No worker is alive.",
            "Prices grow old, and new products stay pending.",
            "Start one: `aggregator worker`, or `docker compose up -d worker`. Its log says why it ended.",
        )
    if facts.waiting_jobs > MANY_JOBS:
        yield warning(
            Check.QUEUE,
            f"{facts.waiting_jobs} jobs wait for a worker.",
            "The workers take none, or too few.",
            "Look into the workers' logs; start more of them if they are busy.",
        )
    if lag > interval and not idle:
        yield warning(
            Check.WORKERS,
            f"The oldest observation is overdue by {_words(lag)}.",
            f"Prices are older than OFFERS_REFRESH_INTERVAL ({_words(interval)}) promises.",
            "If the Offers service is well, start more workers, raise OFFERS_CONCURRENCY, or raise the interval.",
        )


def of_upkeep(facts: UpkeepFacts) -> Iterator[Finding]:
    """Return the findings about missing partitions and late roll-up."""
    for names, whose, effect in (
        (facts.missing_history_days, "Days of the history", "Observations cannot be stored from that day on."),
        (facts.missing_event_days, "Days of the event log", "From that day on nothing can be written or observed."),
        (
            facts.missing_delivery_days,
            "Days of the delivery log",
            "From that day on webhooks get the same events again and again.",
        ),
        (
            facts.missing_audit_months,
            "Months of the audit log",
            "From that month on nobody can log in, and no admin or key can write.",
        ),
    ):
        if names:
            remedy = "Restart a worker, or run `aggregator migrate`: both make them."
            yield broken(Check.PARTITIONS, f"{whose} are missing: {', '.join(names)}.", effect, remedy)
    if facts.rolled_up > LATE_ROLL_UP:
        yield warning(
            Check.WORKERS,
            f"History of {_words(facts.rolled_up)} ago is not rolled up yet.",
            "It is kept in full detail, so the database grows.",
            "Look for `housekeeping` in the workers' logs; a worker with a wrong clock does none.",
        )


def of_products(facts: SynchronisationFacts, products: Mapping[RegistrationState, int]) -> Iterator[Finding]:
    """Return the findings about products, of which so many have each state of registration."""
    if facts.late_registrations:
        yield warning(
            Check.PRODUCTS,
            f"{_products(facts.late_registrations, 'has', 'have')} been pending for over {_words(LATE_REGISTRATION)}.",
            "They have no offers yet.",
            "Mend the Offers service, its token or the workers, as the other findings say: the schedule then registers "
            "them by itself.",
        )
    for state, consequence in (
        (RegistrationState.REJECTED, "The Offers service refuses them, so they never have offers."),
        (RegistrationState.CONFLICT, "Their ids belong to other products there, so they never have offers."),
    ):
        if count := products.get(state, 0):
            yield warning(
                Check.PRODUCTS,
                f"{_products(count, 'is', 'are')} {_adjective(state)}.",
                consequence,
                f"{_SHOWN}; edit and `POST /products/{{id}}/register`, or withdraw and create them anew.",
            )
    for error, count in facts.failures.items():
        yield warning(
            Check.PRODUCTS,
            f"{_products(count, 'fails', 'fail')}: {error}.",
            "Their last prices are shown, marked as stale.",
            f"{_SHOWN}; each is tried again automatically.",
        )
    if facts.refused_rows:
        yield warning(
            Check.PRODUCTS,
            f"{_products(facts.refused_rows, 'has', 'have')} offers that were malformed.",
            "These offers keep their last price for three intervals, then they are unknown.",
            f"{_SHOWN}, and tell the Offers service's operator: its format may have changed.",
        )


def of_webhooks(found: WebhookSummary) -> Iterator[Finding]:
    """Return the findings about webhooks."""
    if found.given_up:
        yield warning(
            Check.WEBHOOKS,
            f"{found.given_up} webhooks were disabled: their receivers are gone, or only failed for five days.",
            "They get no events.",
            "See `GET /webhooks` for the reasons; enable each with `PATCH` once its receiver works, or delete it.",
        )
    if found.behind > FAR_BEHIND:
        yield warning(
            Check.WEBHOOKS,
            f"A webhook has not been sent events of {_words(found.behind)} ago.",
            "Its receiver acts on old prices. Events older than EVENTS_DAYS are never sent.",
            "See `GET /webhooks` for the one whose `position` stands still: its receiver fails or is slow, or "
            "there are too few workers.",
        )


def of_token(state: TokenState) -> Iterator[Finding]:
    """Return the finding about the access token."""
    stopped = "Nothing is registered or observed; the API answers with stored data."
    if state is TokenState.REFUSED:
        yield broken(
            Check.TOKEN,
            "The Offers service refuses the refresh token.",
            stopped,
            "Set OFFERS_REFRESH_TOKEN to the valid one, and restart API and workers.",
        )
    elif state is TokenState.ANOTHER_IS_VALID:
        yield warning(
            Check.TOKEN,
            "The Offers service issues no token while another one, unknown here, is valid.",
            stopped,
            "Wait 5 minutes. If it lasts, stop the other program that uses this refresh token; a database restored "
            "from a backup causes it once.",
        )
    elif state is TokenState.FAILING:
        yield warning(
            Check.TOKEN,
            "The Offers service has issued no usable token.",
            stopped,
            "Look for `access token` in the log of API and workers. It is tried again every 15 seconds.",
        )


def of_upstream(facts: UpstreamFacts) -> Iterator[Finding]:
    """Return the findings about the Offers service."""
    stopped = "Products are not registered, and prices grow old."
    if facts.status is None:
        yield broken(
            Check.OFFERS_SERVICE,
            f"The Offers service does not answer: {facts.reason}.",
            stopped,
            "Check OFFERS_BASE_URL, OFFERS_PROXY and the network with `curl -v` from this host.",
        )
    elif facts.status == TOO_MANY_REQUESTS or facts.status in SERVER_ERRORS:
        yield warning(
            Check.OFFERS_SERVICE,
            f"The Offers service answers HTTP {facts.status}.",
            stopped,
            "Tell its operator. Workers probe it every 15 seconds and catch up by themselves.",
        )
    elif facts.status == NOT_FOUND or facts.status in REDIRECTIONS:
        yield broken(
            Check.OFFERS_SERVICE,
            f"There is no Offers service at OFFERS_BASE_URL: HTTP {facts.status}.",
            stopped,
            "Set OFFERS_BASE_URL to the service's address, with https:// and its path prefix, as …/api/v1.",
        )
    if facts.clock_ahead is not None and abs(facts.clock_ahead) > TOLERANCE:
        yield warning(
            Check.CLOCK,
            f"The Offers service's clock is {_ahead(facts.clock_ahead)} this host's.",
            "Access tokens seem to end too early or too late, which costs a renewal each time.",
            _NTP,
        )


def of_clock(ahead: timedelta) -> Iterator[Finding]:
    """Return the finding about this process's clock, which is so far ahead of the database's."""
    if abs(ahead) > TOLERANCE:
        yield broken(
            Check.CLOCK,
            f"This host's clock is {_ahead(ahead)} the database's.",
            "A worker here takes no jobs, rolls up nothing and drops nothing.",
            _NTP,
        )


def _ahead(by: timedelta) -> str:
    return f"{_words(abs(by))} {'ahead of' if by > timedelta(0) else 'behind'}"


def _products(count: int, one: str, many: str) -> str:
    return f"1 product {one}" if count == 1 else f"{count} products {many}"


def _adjective(state: RegistrationState) -> str:
    return "rejected" if state is RegistrationState.REJECTED else "in conflict"


def _words(duration: timedelta) -> str:
    seconds = duration.total_seconds()
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
