"""Each change appends its event in its own unit of work."""

import msgspec

from application.access.actor import Actor, ActorKind
from application.alerts.closing import close_product
from application.catalogue.editing import AmendProduct, WithdrawProduct
from application.catalogue.registration import NewProduct, RegisterProducts
from domain.event import EventType
from domain.offer import Offer
from factories import some_id
from fakes.storage import InMemoryStorage
from fakes.synchronisation import Synchronising

ADMIN = Actor(ActorKind.ADMIN, "alice", "alice", None, None)


def told(storage: InMemoryStorage) -> list[tuple[EventType, object]]:
    return [(each.type, msgspec.json.decode(each.json)["data"]) for each in storage.rows.events]


async def test_admins_changes_are_events(world: Synchronising) -> None:
    storage, clock = world.storage, world.clock
    register = RegisterProducts(storage.begin, clock, lambda: None)
    registered = await register([NewProduct("Pan", "Iron"), NewProduct("Pot", "")], actor=ADMIN)
    await register([NewProduct("Pot", ""), NewProduct("Lid", "")], partial=True, actor=ADMIN)
    id = storage.rows.events[0].subject
    assert id is not None
    amend = AmendProduct(storage.begin, clock)
    await amend(id, description="Cast iron", actor=ADMIN)
    await amend(id, description="Cast iron", actor=ADMIN)
    await WithdrawProduct(storage.begin, close_product)(id, actor=ADMIN)
    assert len(registered.outcomes) == 2
    assert told(storage) == [
        (EventType.PRODUCT_CREATED, {"name": "Pan", "description": "Iron", "revision": 1}),
        (EventType.PRODUCT_CREATED, {"name": "Pot", "description": "", "revision": 1}),
        (EventType.PRODUCT_CREATED, {"name": "Lid", "description": "", "revision": 1}),
        (EventType.PRODUCT_AMENDED, {"name": "Pan", "description": "Cast iron", "revision": 2}),
        (EventType.PRODUCT_WITHDRAWN, {"name": "Pan"}),
    ]


async def test_the_workers_changes_are_events(world: Synchronising) -> None:
    id = await world.watched(Offer(some_id(), 5, 1))
    kinds = [each.type for each in world.storage.rows.events if each.subject == id]
    assert kinds[-2:] == [EventType.PRODUCT_REGISTERED, EventType.PRICE_CHANGED]


async def test_an_event_is_encoded_as_a_cloud_event(world: Synchronising) -> None:
    id = await world.watched(Offer(some_id(), 5, 1))
    event = next(each for each in world.storage.rows.events if each.type is EventType.PRICE_CHANGED)
    now = world.clock().isoformat().replace("+00:00", "Z")
    (offer,) = world.tracked(id)
    current = {"price": 5, "state": "in_stock", "since": now, "offer_id": str(offer.id)}
    assert msgspec.json.decode(event.json) == {
        "specversion": "1.0",
        "id": event.position.cursor,
        "source": "/products",
        "type": "price.changed",
        "subject": str(id),
        "time": now,
        "data": {"previous": None, "current": current, "unknown_since": None},
    }
