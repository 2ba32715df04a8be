"""`aggregator migrate`: our tables, the queue's, and the first partitions of every partitioned table."""

from functools import partial

from dishka import AsyncContainer

from adapters.job_queue import create_queue_tables
from adapters.postgres.schema import migrate
from application.access.audit_records import AuditUpkeep
from application.events.event_log import EventUpkeep
from application.prices.rollup import HistoryUpkeep
from application.webhooks.ports import WebhookUpkeep
from entrypoints.configuration.settings import Settings
from entrypoints.wiring.engines import SessionEngine


async def run_migrations(container: AsyncContainer) -> None:
    """Bring the database to this release's version.

    Raises:
        SchemaError, StorageUnavailable: this release cannot run on the database, or it cannot be reached.
    """
    settings = await container.get(Settings)
    engine = await container.get(SessionEngine)
    await migrate(engine, await container.get(HistoryUpkeep), partial(create_queue_tables, settings.direct_dsn))
    await (await container.get(AuditUpkeep)).prepare()
    await (await container.get(EventUpkeep)).prepare()
    await (await container.get(WebhookUpkeep)).prepare()
