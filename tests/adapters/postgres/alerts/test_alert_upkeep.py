"""Transitions are kept for as long as events, and dropped in bounded steps."""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.alerts.alert_upkeep import SqlAlchemyAlertUpkeep
from application.alerts.repositories import Watch
from domain.alerts.alert import INITIAL, Alert, Rule, Transition, TransitionKind
from domain.alerts.condition import ConditionKind, Stock
from factories import some_id
from storages.storage import ago, on_postgres

DAY = timedelta(days=1)
AT = ago(hours=1)
RULE = Rule(Stock(ConditionKind.IN_STOCK), timedelta(0), timedelta(0), AT)


async def test_transitions_that_are_no_longer_kept_are_dropped(database: AsyncEngine) -> None:
    storage, alert = on_postgres(database), Alert(some_id(), "Any", None, RULE, True, AT, AT)
    fired = Transition(TransitionKind.FIRING, AT, AT, None, None, suppressed=False)
    watch = Watch(alert.id, alert.name, 1, RULE, some_id(), INITIAL)
    async with storage.begin() as work:
        await work.alerts.add(alert)
        await work.alert_states.record([(watch, fired)] * 5)
        await work.commit()
    async with database.begin() as connection:
        aged = text("""
            UPDATE alert_transition SET recorded_at = recorded_at - INTERVAL '2 days'
            WHERE id IN (SELECT id FROM alert_transition ORDER BY id LIMIT 3)
        """)
        await connection.execute(aged)
    upkeep = SqlAlchemyAlertUpkeep(database, DAY)
    assert [await upkeep.drop_expired(2) for _ in range(3)] == [2, 1, 0]
    assert len((await storage.alerts.detail(alert.id, 9, 9)).transitions) == 2
