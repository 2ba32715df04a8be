"""Alerts on PostgreSQL."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from advanced_alchemy.filters import LimitOffset
from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ScalarSelect,
    Uuid,
    and_,
    bindparam,
    case,
    column,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from adapters.postgres.alerts.rows import (
    AlertRow,
    alert_product,
    alert_state,
    alert_transition,
    read_rule,
    write_condition,
)
from adapters.postgres.alerts.state_repository import read_state, read_transition
from adapters.postgres.connection import open_session
from application.alerts.reading import AlertDetail, ListedAlert, LoggedTransition, RecordedTransition
from domain.alerts.alert import Alert, AlertState, Phase
from domain.errors import AlertNotFound

_LIVING = AlertRow.removed_at.is_(None)
_LISTED: Any = select(AlertRow).order_by(AlertRow.created_at.desc(), AlertRow.id)
_COUNT = select(func.count(), func.count().filter(AlertRow.for_all)).where(_LIVING)
_alert_id = bindparam("alert_id", type_=Uuid)
_STATES = (
    select(alert_state)
    .where(alert_state.c.alert_id == _alert_id, alert_state.c.phase != Phase.OK.value)
    .order_by(case((alert_state.c.phase == Phase.FIRING.value, 0), else_=1), alert_state.c.product_id)
)
_TRANSITIONS = (
    select(alert_transition).where(alert_transition.c.alert_id == _alert_id).order_by(alert_transition.c.id.desc())
)

_LOG = (
    select(alert_transition, AlertRow.name.label("alert_name"))
    .outerjoin(AlertRow, and_(AlertRow.id == alert_transition.c.alert_id, _LIVING))
    .order_by(alert_transition.c.id.desc())
    .limit(bindparam("at_most", type_=BigInteger))
)
_LOG_BEFORE = _LOG.where(alert_transition.c.id < bindparam("before", type_=BigInteger))
_product_id = bindparam("product_id", type_=Uuid)
_OF_PRODUCT = (
    select(AlertRow, *(each for each in alert_state.c if not each.primary_key))
    .outerjoin(alert_state, and_(alert_state.c.alert_id == AlertRow.id, alert_state.c.product_id == _product_id))
    .where(
        _LIVING,
        or_(
            AlertRow.for_all,
            exists().where(alert_product.c.product_id == _product_id, alert_product.c.alert_id == AlertRow.id),
        ),
    )
    .order_by(AlertRow.created_at.desc(), AlertRow.id)
    .limit(bindparam("at_most", type_=BigInteger))
)
_asked = (
    func.unnest(bindparam("ids", type_=ARRAY(Uuid)))
    .table_valued(column("alert_id", Uuid()))
    .render_derived(name="asked")
)


def _counted(phase: Phase) -> ScalarSelect[int]:
    """Count an alert's states of a phase up to a bound: an alert for all products may have millions."""
    of_alert = and_(alert_state.c.alert_id == _asked.c.alert_id, alert_state.c.phase == phase.value)
    some = select(literal(1)).where(of_alert).limit(bindparam("counted", type_=BigInteger)).correlate(_asked)
    return select(func.count()).select_from(some.subquery()).scalar_subquery()


_PHASES = select(_asked.c.alert_id, _counted(Phase.FIRING), _counted(Phase.PENDING)).select_from(_asked)


class _Rows(SQLAlchemyAsyncRepository[AlertRow]):
    model_type = AlertRow


class SqlAlchemyAlertRepository:
    """See `AlertRepository`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._locked: dict[UUID, AlertRow] = {}

    @cached_property
    def _rows(self) -> _Rows:
        return _Rows(session=self._session, wrap_exceptions=False, auto_refresh=False)

    async def add(self, alert: Alert) -> None:
        row = AlertRow(id=alert.id, created_at=alert.created_at, for_all=alert.product_ids is None)
        _write(alert, row)
        await self._rows.add(row)
        if alert.product_ids:
            chosen = [{"product_id": id, "alert_id": alert.id} for id in alert.product_ids]
            await self._session.execute(insert(alert_product), chosen)

    async def get(self, alert_id: UUID) -> Alert:
        row = await self._rows.get_one_or_none(_LIVING, with_for_update=True, id=alert_id)
        if row is None:
            raise AlertNotFound(alert_id)
        self._locked[alert_id] = row
        return _read(row, await _chosen(self._session, [alert_id]))

    async def save(self, alert: Alert) -> None:
        _write(alert, self._locked[alert.id])
        await self._session.flush()

    async def remove(self, alert_id: UUID) -> None:
        row = self._locked[alert_id]
        row.enabled, row.removed_at = False, func.now()
        await self._session.flush()
        await self._session.execute(alert_product.delete().where(alert_product.c.alert_id == alert_id))

    async def count(self) -> tuple[int, int]:
        alerts, for_all = (await self._session.execute(_COUNT)).one()
        return alerts, for_all


class SqlAlchemyAlertReader:
    """See `AlertReader`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def list(self, at_most: int) -> Sequence[Alert]:
        async with open_session(self._engine) as session:
            rows = await _Rows(session=session, wrap_exceptions=False, statement=_LISTED).get_many(
                _LIVING, LimitOffset(at_most, 0)
            )
            chosen = await _chosen(session, [row.id for row in rows])
            return [_read(row, chosen) for row in rows]

    async def detail(self, alert_id: UUID, states: int, transitions: int) -> AlertDetail:
        async with open_session(self._engine) as session:
            row = await _Rows(session=session, wrap_exceptions=False).get_one_or_none(_LIVING, id=alert_id)
            if row is None:
                raise AlertNotFound(alert_id)
            given = {"alert_id": alert_id}
            found = (await session.execute(_STATES.limit(states), given)).all()
            last = (await session.execute(_TRANSITIONS.limit(transitions), given)).all()
            return AlertDetail(
                _read(row, await _chosen(session, [alert_id])),
                [(each.product_id, read_state(each)) for each in found],
                [RecordedTransition(each.product_id, read_transition(each)) for each in last],
            )

    async def page(self, at_most: int, skip: int, counted: int) -> Sequence[ListedAlert]:
        async with open_session(self._engine) as session:
            rows = await _Rows(session=session, wrap_exceptions=False, statement=_LISTED).get_many(
                _LIVING, LimitOffset(at_most, skip)
            )
            ids = [row.id for row in rows]
            phases = {id: counts for id, *counts in await session.execute(_PHASES, {"ids": ids, "counted": counted})}
            chosen = await _chosen(session, ids)
            return [ListedAlert(_read(row, chosen), *phases[row.id]) for row in rows]

    async def transitions(self, at_most: int, before: int | None) -> Sequence[LoggedTransition]:
        async with open_session(self._engine) as session:
            given = {"at_most": at_most}
            statement, given = (_LOG, given) if before is None else (_LOG_BEFORE, given | {"before": before})
            return [
                LoggedTransition(
                    each.id, each.alert_id, each.alert_name, RecordedTransition(each.product_id, read_transition(each))
                )
                for each in await session.execute(statement, given)
            ]

    async def of_product(self, product_id: UUID, at_most: int) -> Sequence[tuple[Alert, AlertState]]:
        async with open_session(self._engine) as session:
            rows = (await session.execute(_OF_PRODUCT, {"product_id": product_id, "at_most": at_most})).all()
            chosen = await _chosen(session, [row.AlertRow.id for row in rows])
            return [(_read(row.AlertRow, chosen), read_state(row)) for row in rows]


async def _chosen(session: AsyncSession, alert_ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    wanted = select(alert_product).where(alert_product.c.alert_id.in_(alert_ids)).order_by(alert_product.c.product_id)
    chosen: dict[UUID, list[UUID]] = {}
    for product_id, alert_id in map(tuple, await session.execute(wanted)):
        chosen.setdefault(alert_id, []).append(product_id)
    return chosen


def _write(alert: Alert, row: AlertRow) -> None:
    row.name = alert.name
    row.condition = write_condition(alert.rule.when)
    row.hold = alert.rule.hold
    row.cooldown = alert.rule.cooldown
    row.since = alert.rule.since
    row.enabled = alert.enabled
    row.updated_at = alert.updated_at
    row.revision = alert.revision


def _read(row: AlertRow, chosen: dict[UUID, list[UUID]]) -> Alert:
    return Alert(
        row.id,
        row.name,
        None if row.for_all else tuple(chosen.get(row.id, ())),
        read_rule(row.condition, row.hold, row.cooldown, row.since),
        row.enabled,
        row.created_at,
        row.updated_at,
        row.revision,
    )
