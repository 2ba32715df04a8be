"""The ports of the event log, on the fake and on PostgreSQL."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from application.events.event_log import EVERYTHING, EventFilter, EventsExpired, Position, RecordedEvent
from domain.event import Event, EventType
from factories import some_id
from specification.event_schemas import sample_data
from storages.event_pages import settled_page
from storages.storage import Storage

NOON = datetime(2026, 3, 14, 12, 0, 0, 123456, UTC)


def event(number: int = 0, subject: UUID | None = None, kind: EventType = EventType.PRODUCT_CREATED) -> Event:
    data = {**sample_data(kind, f'{number} a "b" {{c}} \\, ž 🎉'), "revision": number + 1}
    if kind is EventType.PRICE_CHANGED:
        data = sample_data(kind)
        data["current"] = {**data["current"], "price": number}
    return Event(kind, subject or some_id(), NOON + timedelta(seconds=number), data)


async def append(storage: Storage, *events: Event) -> None:
    async with storage.begin() as work:
        await work.events.append(*events)
        await work.commit()


def as_written(events: Sequence[RecordedEvent]) -> list[Event]:
    encoded = [msgspec.json.decode(each.json) for each in events]
    return [
        Event(each.type, each.subject, datetime.fromisoformat(json["time"]), json["data"])
        for each, json in zip(events, encoded, strict=True)
    ]


def number_of(event: RecordedEvent) -> object:
    data = msgspec.json.decode(event.json)["data"]
    return data["revision"] - 1 if "revision" in data else data["current"]["price"]


def as_read(event: Event) -> Event:
    return replace(event, data=msgspec.json.decode(msgspec.json.encode(event.data)))


async def test_events_come_back_in_their_order_as_they_were_written(storage: Storage) -> None:
    disabled = Event(EventType.WEBHOOK_DISABLED, None, NOON, sample_data(EventType.WEBHOOK_DISABLED))
    first, second, third = event(1), disabled, event(3)
    await append(storage, first, second)
    await append(storage)
    await append(storage, third)
    page = await settled_page(storage.events, None, EVERYTHING, 10)
    assert as_written(page.events) == [as_read(first), second, as_read(third)]
    assert page.caught_up
    assert [each.position for each in page.events] == sorted({each.position for each in page.events})


async def test_events_of_a_unit_of_work_that_is_not_committed_are_not_there(storage: Storage) -> None:
    async with storage.begin() as work:
        await work.events.append(event())
    assert not (await settled_page(storage.events, None, EVERYTHING, 10)).events


@pytest.mark.parametrize("limit", [1, 2, 5])
async def test_pages_follow_each_other_even_within_a_unit_of_work(storage: Storage, limit: int) -> None:
    await append(storage, *(event(number) for number in range(7)))
    await append(storage, event(7))
    seen: list[RecordedEvent] = []
    position, caught_up = None, False
    while not caught_up:
        page = await settled_page(storage.events, position, EVERYTHING, limit)
        position, caught_up = page.searched, page.caught_up
        assert len(page.events) <= limit
        seen += page.events
    assert [number_of(each) for each in seen] == list(range(8))


async def test_a_reader_goes_on_at_any_event_and_at_the_end(storage: Storage) -> None:
    await append(storage, event(0), event(1))
    page = await settled_page(storage.events, None, EVERYTHING, 10)
    await append(storage, event(2))
    assert len((await settled_page(storage.events, page.events[0].position, EVERYTHING, 10)).events) == 2
    assert len((await settled_page(storage.events, page.events[1].position, EVERYTHING, 10)).events) == 1
    assert len((await settled_page(storage.events, page.searched, EVERYTHING, 10)).events) == 1


async def test_behind_the_latest_position_come_only_later_events(storage: Storage) -> None:
    await append(storage, event(0))
    latest = await storage.events.latest()
    assert not (await settled_page(storage.events, latest, EVERYTHING, 10)).events
    await append(storage, event(1))
    (found,) = (await settled_page(storage.events, latest, EVERYTHING, 10)).events
    assert found.position > latest


async def test_a_filter_names_types_and_products(storage: Storage) -> None:
    one, other = some_id(), some_id()
    price = EventType.PRICE_CHANGED
    await append(storage, event(0, one), event(1, other), event(2, one, price), event(3, other, price))
    of_one = EventFilter(frozenset(EventType), frozenset({one}))
    for wanted, expected in (
        (EventFilter(frozenset({price})), [2, 3]),
        (of_one, [0, 2]),
        (replace(of_one, types=frozenset({price})), [2]),
        (replace(of_one, product_ids=frozenset({some_id()})), []),
    ):
        page = await settled_page(storage.events, None, wanted, 10)
        assert [number_of(each) for each in page.events] == expected
        assert page.caught_up


async def test_a_filter_that_matches_little_searches_no_stretch_twice(storage: Storage) -> None:
    rare = some_id()
    for number in range(9):
        await append(storage, *(event(number) for _ in range(10)))
    await append(storage, event(9, rare))
    wanted = EventFilter(frozenset(EventType), frozenset({rare}))
    position, seen, positions = None, list[RecordedEvent](), list[Position]()
    caught_up = False
    while not caught_up:
        page = await settled_page(storage.events, position, wanted, 10)
        position, caught_up = page.searched, page.caught_up
        positions.append(position)
        seen += page.events
    assert [each.subject for each in seen] == [rare]
    assert positions == sorted(set(positions))


@pytest.mark.parametrize("far", [Position(1, 2**62, 0), Position(3, 0, 0)])
async def test_a_position_that_the_log_has_not_reached_is_refused(storage: Storage, far: Position) -> None:
    await append(storage, event())
    with pytest.raises(EventsExpired):
        await settled_page(storage.events, far, EVERYTHING, 10)
