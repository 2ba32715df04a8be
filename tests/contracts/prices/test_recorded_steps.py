"""The port of recorded steps: those of all products that touch a window, and the step still in force."""

from collections.abc import Sequence
from contextlib import aclosing
from datetime import timedelta
from uuid import UUID

from application.prices.export import RecordedStep
from domain.offer import Offer
from domain.prices.price import PriceState, PriceStep
from domain.window import BucketWidth, Window
from factories import some_id
from fakes.offers_gateway import observed
from storages.databases import system_clock
from storages.storage import INTERVAL, Storage, ago, observe, scheduled, withdraw

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
BEGIN = BucketWidth.HOUR.floor(system_clock()) - 2 * HOUR
WINDOW = Window(BEGIN - MINUTE, BEGIN + 60 * MINUTE)


async def watched(storage: Storage) -> UUID:
    """Add a product: at 90, sold out after two minutes, unknown from five on, at 100 after ten."""
    id, offer = await scheduled(storage.begin, ago(hours=3)), some_id()
    for minutes, offers in ((0, [Offer(offer, 90, 5)]), (2, []), (10, [Offer(offer, 100, 5)])):
        await observe(storage.begin, id, observed(*offers), BEGIN + minutes * MINUTE)
    return id


async def recorded(storage: Storage, window: Window = WINDOW, *ids: UUID) -> list[RecordedStep]:
    async with aclosing(storage.recorded_steps(window, ids)) as batches:
        return [step for batch in [each async for each in batches] for step in batch]


def steps_of(product_id: UUID) -> list[RecordedStep]:
    known_until = BEGIN + 10 * MINUTE + 3 * INTERVAL
    times = [BEGIN + minutes * MINUTE for minutes in (0, 2, 5, 10)]
    states: Sequence[tuple[PriceState, int | None]] = (
        (PriceState.IN_STOCK, 90),
        (PriceState.OUT_OF_STOCK, None),
        (PriceState.UNKNOWN, None),
        (PriceState.IN_STOCK, 100),
    )
    ends = [*times[1:], known_until]
    return [
        RecordedStep(product_id, PriceStep(*state, start, end), known_until if end == known_until else None)
        for state, start, end in zip(states, times, ends, strict=True)
    ]


async def test_steps_come_by_product_and_then_by_time_and_the_last_says_until_when_it_is_known(
    storage: Storage,
) -> None:
    both = sorted([await watched(storage), await watched(storage)])
    assert await recorded(storage) == [step for id in both for step in steps_of(id)]


async def test_a_product_of_which_nothing_is_recorded_has_one_entry(storage: Storage) -> None:
    never, seen = await scheduled(storage.begin, ago(hours=1)), await watched(storage)
    before = Window(BEGIN - HOUR, BEGIN)
    assert await recorded(storage, before) == [RecordedStep(id, None) for id in sorted([never, seen])]


async def test_only_steps_that_touch_the_window_come_and_they_are_whole(storage: Storage) -> None:
    id = await watched(storage)
    first, second, third, fourth = steps_of(id)
    assert await recorded(storage, Window(BEGIN + MINUTE, BEGIN + 2 * MINUTE)) == [first]
    assert await recorded(storage, Window(BEGIN + 2 * MINUTE, BEGIN + 6 * MINUTE)) == [second, third]
    assert await recorded(storage, Window(BEGIN + 12 * MINUTE, BEGIN + 30 * MINUTE)) == [fourth]
    assert await recorded(storage, Window(BEGIN + 13 * MINUTE, BEGIN + 30 * MINUTE)) == [RecordedStep(id, None)]


async def test_chosen_products_alone_come_and_withdrawn_ones_never(storage: Storage) -> None:
    one, other, gone = [await watched(storage) for _ in range(3)]
    await withdraw(storage.begin, gone)
    assert await recorded(storage, WINDOW, one, gone, some_id()) == steps_of(one)
    assert {step.product_id for step in await recorded(storage)} == {one, other}
