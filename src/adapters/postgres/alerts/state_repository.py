"""States of alerts by product, on PostgreSQL: Core statements for whole batches beside their observations."""

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    ColumnElement,
    Uuid,
    and_,
    any_,
    bindparam,
    column,
    delete,
    exists,
    func,
    insert,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningDelete

from adapters.postgres.alerts.past_prices_sql import PRICES, STEPS
from adapters.postgres.alerts.rows import alert, alert_product, alert_state, alert_transition, read_rule
from adapters.postgres.bulk import arrays, unnested
from application.alerts.repositories import ProductWindow, Watch, WatchChange, WindowPrices
from domain.alerts.alert import INITIAL, AlertState, Phase, ResolvedBy, Rule, Transition, TransitionKind
from domain.alerts.condition import Value
from domain.prices.price import PriceState, PriceStep

_ids = bindparam("ids", type_=ARRAY(Uuid))
_alert_id = bindparam("alert_id", type_=Uuid)
_product_id = bindparam("product_id", type_=Uuid)
_limit = bindparam("limit", type_=BigInteger)

_RULE = (alert.c.id, alert.c.name, alert.c.revision, alert.c.condition, alert.c.hold, alert.c.cooldown)
_WATCH = (*_RULE, alert.c.since.label("rule_since"))
_observed = func.unnest(_ids).table_valued(column("product_id", Uuid())).render_derived(name="observed")
_pairs = union_all(
    select(alert_product.c.product_id, alert_product.c.alert_id).where(alert_product.c.product_id == any_(_ids)),
    select(_observed.c.product_id, alert.c.id).select_from(_observed).join(alert, alert.c.for_all & alert.c.enabled),
).subquery("pair")
_of_pair = and_(alert_state.c.product_id == _pairs.c.product_id, alert_state.c.alert_id == _pairs.c.alert_id)
_WATCHING = (
    select(*_WATCH, _pairs.c.product_id, *(each for each in alert_state.c if not each.primary_key))
    .join_from(_pairs, alert, and_(alert.c.id == _pairs.c.alert_id, alert.c.enabled))
    .outerjoin(alert_state, _of_pair)
    .order_by(_pairs.c.product_id, alert.c.created_at, alert.c.id)
)
_NEW = unnested(*alert_state.columns)
_UPSERT = upsert(alert_state).from_select(list(alert_state.c.keys()), select(_NEW))
_STORE = _UPSERT.on_conflict_do_update(
    index_elements=[alert_state.c.product_id, alert_state.c.alert_id],
    set_={each.name: _UPSERT.excluded[each.name] for each in alert_state.c if not each.primary_key},
)
_TRANSITION: tuple[Column[Any], ...] = tuple(
    each for each in alert_transition.columns if each.name not in ("id", "recorded_at")
)
_APPEND = insert(alert_transition).from_select([each.name for each in _TRANSITION], select(unnested(*_TRANSITION)))
_RESTART = (
    update(alert_state)
    .where(alert_state.c.alert_id == bindparam("restarted", type_=Uuid), alert_state.c.phase == Phase.PENDING.value)
    .values(phase=Phase.OK.value, since=None, due=None)
)
_HELD: tuple[Column[Any], ...] = (Column("alert_id", Uuid()), Column("revision", BigInteger()))
_held = unnested(*_HELD)
_HOLD = (
    select(alert.c.id)
    .join(_held, and_(_held.c.alert_id == alert.c.id, _held.c.revision == alert.c.revision))
    .where(alert.c.enabled)
    .order_by(alert.c.id)
    .with_for_update(read=True, of=alert)
)


def _taken(*of: ColumnElement[bool], limited: bool = True) -> ReturningDelete[*tuple[Any, ...]]:
    """Remove states, and return them with their alerts. A CTE is evaluated once, so no other rows go."""
    pairs = select(alert_state.c.product_id, alert_state.c.alert_id)
    pairs = pairs.join(alert, alert.c.id == alert_state.c.alert_id).where(*of).with_for_update(of=alert_state)
    chosen = (pairs.limit(_limit) if limited else pairs).cte("chosen")
    return (
        delete(alert_state)
        .where(
            alert_state.c.product_id == chosen.c.product_id,
            alert_state.c.alert_id == chosen.c.alert_id,
            alert.c.id == chosen.c.alert_id,
        )
        .returning(*_WATCH, *alert_state.columns)
    )


_TAKE_OF_PRODUCT = _taken(alert_state.c.product_id == _product_id, limited=False)
_TAKE_OF_ALERT = _taken(alert_state.c.alert_id == _alert_id)
_TAKE_DISABLED = _taken(~alert.c.enabled, alert.c.removed_at.is_(None))
_TAKE_REMOVED = _taken(alert.c.removed_at.is_not(None))
_FORGET_REMOVED = delete(alert).where(
    alert.c.removed_at.is_not(None), ~exists().where(alert_state.c.alert_id == alert.c.id)
)


class SqlAlchemyAlertStateRepository:
    """See `AlertStateRepository`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def watching(self, product_ids: Collection[UUID]) -> Sequence[Watch]:
        rows = (await self._session.execute(_WATCHING, {"ids": list(product_ids)})).all()
        return _watches(rows)

    async def steps(self, windows: Sequence[ProductWindow]) -> Sequence[Sequence[PriceStep]]:
        found: list[list[PriceStep]] = [[] for _ in windows]
        for number, state, *rest in map(tuple, await self._session.execute(STEPS, _given(windows))):
            found[number - 1].append(PriceStep(PriceState(state), *rest))
        return found

    async def prices(self, windows: Sequence[ProductWindow]) -> Sequence[WindowPrices]:
        rows = await self._session.execute(PRICES, _given(windows))
        return [WindowPrices(*row) for row in map(tuple, rows)]

    async def store(self, changes: Sequence[WatchChange]) -> Sequence[WatchChange]:
        revisions = {each.watch.alert_id: each.watch.revision for each in changes}
        held = set((await self._session.execute(_HOLD, arrays(_HELD, list(revisions.items())))).scalars())
        kept = [each for each in changes if each.watch.alert_id in held]
        if kept:
            await self._session.execute(_STORE, arrays(alert_state.columns, [_values(each) for each in kept]))
        await self.record([(each.watch, one) for each in kept for one in each.transitions])
        return kept

    async def restart(self, alert_id: UUID) -> None:
        await self._session.execute(_RESTART, {"restarted": alert_id})

    async def take_of_product(self, product_id: UUID) -> Sequence[Watch]:
        return _watches((await self._session.execute(_TAKE_OF_PRODUCT, {"product_id": product_id})).all())

    async def take_of_alert(self, alert_id: UUID, limit: int) -> Sequence[Watch]:
        return _watches((await self._session.execute(_TAKE_OF_ALERT, {"alert_id": alert_id, "limit": limit})).all())

    async def take_idle(self, limit: int, *, removed: bool) -> Sequence[Watch]:
        statement = _TAKE_REMOVED if removed else _TAKE_DISABLED
        taken = _watches((await self._session.execute(statement, {"limit": limit})).all())
        if removed:
            await self._session.execute(_FORGET_REMOVED)
        return taken

    async def record(self, transitions: Collection[tuple[Watch, Transition]]) -> None:
        if transitions:
            rows = [(watch.alert_id, watch.product_id, *_transition(each)) for watch, each in transitions]
            await self._session.execute(_APPEND, arrays(_TRANSITION, rows))


def read_state(row: Any) -> AlertState:
    """Read a row of `alert_state`; where there is none, all columns are null."""
    if row.phase is None:
        return INITIAL
    return AlertState(Phase(row.phase), row.since, row.due, row.quiet_until, row.suppressed)


def read_transition(row: Any) -> Transition:
    """Read a row of `alert_transition`."""
    return Transition(
        TransitionKind(row.kind),
        row.at,
        row.since,
        _number(row.value),
        _number(row.threshold),
        row.suppressed,
        row.reason and ResolvedBy(row.reason),
    )


def _watches(rows: Sequence[Any]) -> list[Watch]:
    rules: dict[UUID, Rule] = {}
    for row in rows:
        if row.id not in rules:
            rules[row.id] = read_rule(row.condition, row.hold, row.cooldown, row.rule_since)
    return [Watch(row.id, row.name, row.revision, rules[row.id], row.product_id, read_state(row)) for row in rows]


def _values(change: WatchChange) -> tuple[Any, ...]:
    watch, state = change.watch, change.state
    return (
        watch.product_id,
        watch.alert_id,
        state.phase.value,
        state.since,
        state.due,
        state.quiet_until,
        state.suppressed,
    )


def _transition(each: Transition) -> tuple[Any, ...]:
    reason = each.reason and each.reason.value
    return each.kind.value, each.at, each.since, each.value, each.threshold, each.suppressed, reason


def _number(stored: Decimal | None) -> Value:
    """Return a price as an integer, and a percent, which has two decimals, as it is."""
    return int(stored) if stored is not None and stored.as_tuple().exponent == 0 else stored


def _given(windows: Sequence[ProductWindow]) -> dict[str, Any]:
    return {
        "ids": [each.product_id for each in windows],
        "starting": [each.window.start for each in windows],
        "ending": [each.window.end for each in windows],
    }
