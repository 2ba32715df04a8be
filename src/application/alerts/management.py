"""How admins and keys create, amend and delete alerts."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID, uuid4

from application.access.actor import Actor
from application.access.audit import Action, AuditEntry, Fields, Subject, changed
from application.alerts.conditions import condition_fields
from application.alerts.reading import MOST_ALERTS, MOST_FOR_ALL, MOST_PRODUCTS
from application.unit_of_work import BeginWork, UnitOfWork
from domain.alerts.alert import Alert, ResolvedBy, Rule
from domain.alerts.condition import Condition
from domain.duration import written
from domain.errors import InvalidAlert, TooManyAlerts
from domain.product import clean_name


class CloseAlert(Protocol):
    """Resolves the firings of an alert, in the unit of work that has disabled or removed it."""

    async def __call__(self, work: UnitOfWork, alert_id: UUID, at: datetime, reason: ResolvedBy) -> None:
        """End a bounded number of the alert's states; the housekeeping ends the others."""


@dataclass(frozen=True, slots=True)
class CreateAlert:
    """Make an alert, which watches from now on."""

    begin: BeginWork
    new_id: Callable[[], UUID] = uuid4

    async def __call__(
        self,
        *,
        name: str,
        product_ids: Collection[UUID] | None,
        when: Condition,
        hold: timedelta,
        cooldown: timedelta,
        actor: Actor,
    ) -> Alert:
        """Store the alert and return it; None as `product_ids` stands for all products, those to come included.

        Raises:
            InvalidText: the name cannot be stored.
            InvalidAlert: a duration is out of bounds, or it names no product, too many or an unknown one.
            TooManyAlerts
        """
        name = clean_name(name)
        chosen = None if product_ids is None else tuple(sorted(set(product_ids)))
        if chosen is not None and not 1 <= len(chosen) <= MOST_PRODUCTS:
            raise InvalidAlert("product_ids", f"Name 1 to {MOST_PRODUCTS} products, or null for all.")
        async with self.begin() as work:
            now = await work.now()
            alert = Alert(self.new_id(), name, chosen, Rule(when, hold, cooldown, now), True, now, now)  # noqa: FBT003 - an alert begins enabled
            await _require_room(work, alert)
            await _require_products(work, chosen or ())
            await work.alerts.add(alert)
            entry = AuditEntry(actor, Action.ALERT_CREATED, Subject.alert(alert.id), after=_fields(alert))
            await work.audit.append(entry)
            await work.commit()
        return alert


@dataclass(frozen=True, slots=True)
class AmendAlert:
    """Change an alert. A changed rule holds at once: pending states start again, firing ones go on."""

    begin: BeginWork
    close: CloseAlert

    async def __call__(
        self,
        alert_id: UUID,
        *,
        name: str | None = None,
        enabled: bool | None = None,
        when: Condition | None = None,
        hold: timedelta | None = None,
        cooldown: timedelta | None = None,
        actor: Actor,
    ) -> Alert:
        """Change the given fields and return the alert. Disabling it resolves its firings.

        Raises:
            AlertNotFound
            InvalidText: the name cannot be stored.
            InvalidAlert: a duration is out of bounds.
        """
        async with self.begin() as work:
            before = await work.alerts.get(alert_id)
            now = await work.now()
            rule = replace(
                before.rule,
                when=before.rule.when if when is None else when,
                hold=before.rule.hold if hold is None else hold,
                cooldown=before.rule.cooldown if cooldown is None else cooldown,
            )
            after = replace(
                before,
                name=before.name if name is None else clean_name(name),
                enabled=before.enabled if enabled is None else enabled,
                rule=rule,
            )
            if after == before:
                return before
            restarts = rule != before.rule or (after.enabled and not before.enabled)
            after = replace(
                after,
                rule=replace(rule, since=now) if restarts else rule,
                updated_at=now,
                revision=before.revision + restarts,
            )
            await work.alerts.save(after)
            if restarts:
                await work.alert_states.restart(alert_id)
            if before.enabled and not after.enabled:
                await self.close(work, alert_id, now, ResolvedBy.ALERT_DISABLED)
            changes = changed(_fields(before), _fields(after))
            await work.audit.append(AuditEntry(actor, Action.ALERT_AMENDED, Subject.alert(alert_id), *changes))
            await work.commit()
        return after


@dataclass(frozen=True, slots=True)
class DeleteAlert:
    """Delete an alert; its firings are resolved."""

    begin: BeginWork
    close: CloseAlert

    async def __call__(self, alert_id: UUID, *, actor: Actor) -> None:
        """Delete the alert.

        Raises:
            AlertNotFound
        """
        async with self.begin() as work:
            alert = await work.alerts.get(alert_id)
            await work.alerts.remove(alert_id)
            await self.close(work, alert_id, await work.now(), ResolvedBy.ALERT_DELETED)
            await work.audit.append(
                AuditEntry(actor, Action.ALERT_DELETED, Subject.alert(alert_id), before=_fields(alert))
            )
            await work.commit()


async def _require_room(work: UnitOfWork, alert: Alert) -> None:
    alerts, for_all = await work.alerts.count()
    if alerts >= MOST_ALERTS:
        raise TooManyAlerts(MOST_ALERTS)
    if alert.product_ids is None and for_all >= MOST_FOR_ALL:
        raise TooManyAlerts(MOST_FOR_ALL, " for all products")


async def _require_products(work: UnitOfWork, product_ids: Collection[UUID]) -> None:
    known = {product.id for product in await work.products.list(product_ids)}
    for missing in (id for id in product_ids if id not in known):
        raise InvalidAlert("product_ids", f"There is no product with the id {missing}.")


def _fields(alert: Alert) -> Fields:
    rule = alert.rule
    return {
        "name": alert.name,
        "product_ids": alert.product_ids,
        "when": condition_fields(rule.when),
        "for": written(rule.hold),
        "cooldown": written(rule.cooldown),
        "enabled": alert.enabled,
    }
