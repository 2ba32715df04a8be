"""Schedule and leases on PostgreSQL, by its clock. A claim skips rows that other claims have locked.

These are Core statements on the mapped rows: each moves a whole batch, several times a second.
"""

from collections import namedtuple
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import reduce
from operator import add
from typing import Any
from uuid import UUID, uuid4

from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Interval,
    Select,
    Update,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.bulk import arrays, unnested
from adapters.postgres.synchronisation.rows import SynchronisationRow, synchronisation
from application.synchronisation.repositories import (
    LONGEST_LEASE,
    LONGEST_REGISTRATION_WAIT,
    MOST_UNOBSERVED,
    Claim,
    Due,
)
from domain.errors import ProductNotFound
from domain.event import LastKnown
from domain.offer import Offer
from domain.prices.price import BestPrice
from domain.synchronisation import AT_ONCE, Synchronisation

_row = synchronisation.c
_now = func.now()
_interval = bindparam("interval", type_=Interval)
_limit = bindparam("limit", type_=Integer)
_half = (_limit + 1) // 2
_ids = bindparam("ids", type_=ARRAY(Uuid))

_to_register = _row.scheduled_at.is_(None)
_to_observe = _row.scheduled_at.is_not(None)
_unleased = _row.lease_id.is_(None)
_alone, _loaded = ~_row.loaded, _row.loaded
_free = and_(_unleased, _row.not_before <= _now)
_slot_has_come = _row.scheduled_at <= _now - _interval
# A lease that ended without being cleared belongs to a claim that was never finished: its product is due first.
_leased = _row.lease_id.is_not(None)
_abandoned = and_(_leased, _row.lease_until <= _now)
# Times that a clock has written while it was ahead: the products that they put off are due now.
_lease_ahead = and_(_leased, _row.lease_until > _now + LONGEST_LEASE)
_attempt_ahead = _row.last_attempt_at > _now
_slot_ahead = and_(_unleased, _row.scheduled_at > _now, or_(_row.not_before <= _now, _attempt_ahead))
_unobserved = and_(_free, _row.scheduled_at <= AT_ONCE)
_registration_ahead = and_(
    _unleased,
    _to_register,
    _row.not_before > _now,
    or_(_row.last_attempt_at.is_(None), _attempt_ahead, _row.not_before > _now + LONGEST_REGISTRATION_WAIT),
)


def _first(of: ColumnElement[bool], order: ColumnElement[Any]) -> Select[UUID]:
    return select(_row.product_id).where(of).order_by(order).limit(_limit)


def _of_furthest(ahead: ColumnElement[bool], of: ColumnElement[bool], time: ColumnElement[datetime]) -> Select[UUID]:
    # It looks at a bounded number of rows from the far end: before now there may be very many with a backoff.
    furthest = select(_row.product_id, ahead.label("ahead")).where(of, time > _now).order_by(time.desc()).limit(_limit)
    found = furthest.subquery("furthest")
    return (
        select(_row.product_id)
        .where(ahead, _row.product_id.in_(select(found.c.product_id).where(found.c.ahead)))
        .limit(_limit)
    )


_waiting = select(_row.product_id).where(_unobserved).limit(MOST_UNOBSERVED).subquery("unobserved")
_few_wait = select(func.count()).select_from(_waiting).scalar_subquery() < MOST_UNOBSERVED

_REGISTRATIONS = (
    _first(and_(_abandoned, _to_register), _row.lease_until),
    _first(and_(_lease_ahead, _to_register), _row.lease_until),
    _of_furthest(_registration_ahead, and_(_unleased, _to_register, _alone), _row.not_before),
    _of_furthest(_registration_ahead, and_(_unleased, _to_register, _loaded), _row.not_before),
)
_REGISTRATIONS_IN_TURNS = (
    _first(and_(_free, _to_register, _alone), _row.not_before),
    _first(and_(_free, _to_register, _loaded, _few_wait), _row.not_before),
)
_OBSERVATIONS = (
    _first(and_(_abandoned, _to_observe), _row.lease_until),
    _first(and_(_lease_ahead, _to_observe), _row.lease_until),
    _of_furthest(_slot_ahead, _unleased, _row.scheduled_at),
)
_OBSERVATIONS_IN_TURNS = (
    _first(_unobserved, _row.scheduled_at),
    _first(and_(_free, _slot_has_come, _row.scheduled_at > AT_ONCE), _row.scheduled_at),
)


def _likeliest(of: ColumnElement[bool], newest: ColumnElement[Any]) -> Select[UUID]:
    # It sorts everything that is due, but only for the few probes of a circuit breaker.
    return select(_row.product_id).where(of).order_by(_row.consecutive_failures, newest.desc()).limit(_limit)


_LIKELIEST_REGISTRATIONS = _likeliest(
    and_(_to_register, or_(_free, _abandoned, _lease_ahead, _registration_ahead)), _row.not_before
)
_LIKELIEST_OBSERVATIONS = _likeliest(
    or_(and_(_free, _slot_has_come), _slot_ahead, and_(_to_observe, or_(_abandoned, _lease_ahead))), _row.scheduled_at
)


def _count(of: Sequence[Select[UUID]]) -> ColumnElement[int]:
    each = [select(func.count()).select_from(due.order_by(None).subquery()).scalar_subquery() for due in of]
    return func.least(reduce(add, each), _limit)


def _lag() -> ColumnElement[timedelta]:
    due_at = select(func.greatest(_row.scheduled_at + _interval, _row.not_before).label("due_at"))
    oldest = due_at.where(_free, _slot_has_come).order_by(_row.scheduled_at).limit(_limit).subquery()
    # A claimed product has its next slot already, so its lag counts from its last observation.
    claimed_at = select(func.greatest(_row.observed_at + _interval, _row.not_before).label("due_at"))
    claimed = claimed_at.where(_row.lease_id.is_not(None), _to_observe).order_by(_row.lease_until).limit(_limit)
    waiting = union_all(select(oldest), select(claimed.subquery())).subquery()
    longest = select(_now - func.min(waiting.c.due_at)).scalar_subquery()
    return func.greatest(func.coalesce(longest, literal(timedelta(0), Interval)), literal(timedelta(0), Interval))


def _claim(of: Sequence[Select[UUID]], in_turns: Sequence[Select[UUID]] = ()) -> Update:
    """Claim the first ones first, then half and half of the two kinds that take turns, as far as there are enough."""
    locked = [
        each.with_for_update(skip_locked=True).cte(f"locked_{number}") for number, each in enumerate((*of, *in_turns))
    ]
    chosen = [select(each) for each in locked]
    if in_turns:
        *_, one, _ = locked
        chosen[-2:] = select(one).limit(_half), chosen[-1], select(one).offset(_half)
    due = union_all(*(select(each.subquery()) for each in chosen)).limit(_limit).cte("due")
    return (
        update(synchronisation)
        .where(_row.product_id == due.c.product_id)
        .values(
            lease_id=bindparam("new_lease", type_=Uuid),
            lease_until=_now + bindparam("lease", type_=Interval),
        )
        .returning(_row.product_id, _now.label("claimed_at"))
    )


_COUNT_DUE = select(
    _count((*_REGISTRATIONS, *_REGISTRATIONS_IN_TURNS)).label("registrations"),
    _count((*_OBSERVATIONS, *_OBSERVATIONS_IN_TURNS)).label("observations"),
    _lag().label("lag"),
    func.clock_timestamp().label("counted_at"),
)
_CLAIM_REGISTRATIONS = _claim(_REGISTRATIONS, _REGISTRATIONS_IN_TURNS)
_CLAIM_LIKELIEST_REGISTRATIONS = _claim([_LIKELIEST_REGISTRATIONS])
_NEXT_SLOT = case(
    (or_(_row.scheduled_at + _interval <= _now - _interval, _row.scheduled_at > _now), _now),
    (_slot_has_come, _row.scheduled_at + _interval),
    else_=_row.scheduled_at,
)
_CLAIM_OBSERVATIONS = _claim(_OBSERVATIONS, _OBSERVATIONS_IN_TURNS).values(scheduled_at=_NEXT_SLOT)
_CLAIM_LIKELIEST_OBSERVATIONS = _claim([_LIKELIEST_OBSERVATIONS]).values(scheduled_at=_NEXT_SLOT)

_STATE = [column for column in _row if column not in (_row.lease_id, _row.lease_until, _row.loaded)]
# Its attributes are read at a tenth of the time that those of SQLAlchemy's rows take.
_State = namedtuple("_State", [column.name for column in _STATE])  # type: ignore[misc]  # noqa: PYI024
_HELD = (
    select(*_STATE)
    .where(_row.product_id == any_(_ids), _row.lease_id == bindparam("lease_id", type_=Uuid))
    .order_by(_row.product_id)
    .with_for_update()
)
_NEW = unnested(*_STATE)
_SAVE = (
    update(synchronisation)
    .where(_row.product_id == _NEW.c.product_id)
    .values({column.name: _NEW.c[column.name] for column in _STATE if column is not _row.product_id})
    .values(lease_id=null(), lease_until=null())
)
_POSTPONE = (
    update(synchronisation)
    .where(_row.product_id == any_(_ids), _row.lease_id == bindparam("held_lease", type_=Uuid))
    .values(lease_until=_now)
)


class _Rows(SQLAlchemyAsyncRepository[SynchronisationRow]):
    model_type = SynchronisationRow


class SqlAlchemySynchronisationRepository:
    """Synchronisations as rows of `synchronisation`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def count_due(self, interval: timedelta, limit: int) -> Due:
        row = (await self._session.execute(_COUNT_DUE, {"interval": interval, "limit": limit})).one()
        return Due(registrations=row.registrations, observations=row.observations, lag=row.lag, at=row.counted_at)

    async def claim_registrations(self, lease: timedelta, limit: int, *, likeliest: bool = False) -> Claim | None:
        statement = _CLAIM_LIKELIEST_REGISTRATIONS if likeliest else _CLAIM_REGISTRATIONS
        return await self._claim(statement, {"lease": lease, "limit": limit})

    async def claim_observations(
        self, interval: timedelta, lease: timedelta, limit: int, *, likeliest: bool = False
    ) -> Claim | None:
        statement = _CLAIM_LIKELIEST_OBSERVATIONS if likeliest else _CLAIM_OBSERVATIONS
        return await self._claim(statement, {"interval": interval, "lease": lease, "limit": limit})

    async def hold(self, lease_id: UUID, product_ids: Collection[UUID]) -> list[Synchronisation]:
        rows = await self._session.execute(_HELD, {"lease_id": lease_id, "ids": list(product_ids)})
        return [to_synchronisation(_State._make(row)) for row in rows]

    async def get(self, product_id: UUID) -> Synchronisation:
        rows = _Rows(session=self._session, wrap_exceptions=False)
        row = await rows.get_one_or_none(with_for_update=True, product_id=product_id)
        if row is None:
            raise ProductNotFound(product_id)
        return to_synchronisation(row)

    async def save(self, *states: Synchronisation) -> None:
        if states:
            await self._session.execute(_SAVE, arrays(_STATE, [_values(state) for state in states]))

    async def postpone(self, lease_id: UUID, product_ids: Collection[UUID]) -> None:
        if product_ids:
            await self._session.execute(_POSTPONE, {"held_lease": lease_id, "ids": list(product_ids)})

    async def _claim(self, statement: Update, parameters: Mapping[str, Any]) -> Claim | None:
        lease_id = uuid4()
        rows = (await self._session.execute(statement, {**parameters, "new_lease": lease_id})).all()
        return Claim(lease_id, rows[0].claimed_at, [product_id for product_id, _ in rows]) if rows else None


def _values(state: Synchronisation) -> tuple[Any, ...]:
    best, offer, last_known = state.best, state.best_offer, state.last_known
    return (
        state.product_id,
        state.scheduled_at,
        state.not_before,
        state.last_attempt_at,
        state.last_success_at,
        state.consecutive_failures,
        state.last_error,
        state.observed_at,
        state.known_until,
        best and best.price,
        best and best.since,
        offer and offer.id,
        offer and offer.items_in_stock,
        state.offers_in_stock,
        state.refused_rows,
        last_known and last_known.price,
        last_known and last_known.since,
        last_known and last_known.until,
    )


def to_synchronisation(row: Any) -> Synchronisation:
    """Read a mapped row, or the columns that a statement returns."""
    best = row.best_price_since and BestPrice(row.best_price, row.best_price_since)
    offer = row.best_offer_id and Offer(row.best_offer_id, row.best_price, row.best_offer_items_in_stock)
    last_known = row.last_known_since and LastKnown(row.last_known_price, row.last_known_since, row.last_known_until)
    return Synchronisation(
        product_id=row.product_id,
        not_before=row.not_before,
        scheduled_at=row.scheduled_at,
        last_attempt_at=row.last_attempt_at,
        last_success_at=row.last_success_at,
        consecutive_failures=row.consecutive_failures,
        last_error=row.last_error,
        observed_at=row.observed_at,
        known_until=row.known_until,
        best=best,
        best_offer=offer,
        offers_in_stock=row.offers_in_stock,
        refused_rows=row.refused_rows,
        last_known=last_known,
    )
