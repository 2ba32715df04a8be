"""Faults of upstream's answers about offers: a malformed answer changes nothing, an empty list is an answer."""

from collections.abc import AsyncIterator, Callable
from uuid import UUID

import msgspec
import pytest

from application.catalogue.views import BestOfferView, OfferView
from application.synchronisation.batch_report import Outcome
from application.synchronisation.scheduling import Job
from e2e.faults.in_process_worker import InProcessWorker, new_in_process_worker
from e2e.ledger import assert_sound
from entrypoints.development.offers_simulator.product import Offer

EIGHT = [Offer(f"{number:032x}", 1_000 + number, 10) for number in range(1, 9)]
NINTH = Offer(f"{9:032x}", 1_009, 10)
REFUSED_WHOLE = (
    *("html", "truncated", "empty_object", "null", "wrong_type", "gzip_bomb", "deep_nesting"),
    *("empty_body", "not_utf8", "wrong_rows", "too_many_offers", "over_1_mib", "all_rows_bad"),
)
ONE_BAD_ROW = (
    *("row_float", "row_negative", "row_missing", "row_bool", "row_string", "row_null", "row_2_63", "row_1e400"),
)
FAILURES = "aggregator_product_failures_total"
LOST_OFFERS = "aggregator_offers_lost_total"
REFUSED_ROWS = "aggregator_offer_rows_refused_total"


@pytest.fixture(scope="module")
async def lasting_station(new_database_dsn: Callable[[], str]) -> AsyncIterator[InProcessWorker]:
    """Give one worker to all tests of this module, each of which has its own product."""
    async with new_in_process_worker(new_database_dsn()) as in_process:
        yield in_process


@pytest.fixture
async def in_process(lasting_station: InProcessWorker) -> AsyncIterator[InProcessWorker]:
    """Give the worker with all switches off; afterwards its storage must be sound."""
    lasting_station.misbehave()
    yield lasting_station
    assert_sound(lasting_station)


async def test_fault_16_an_empty_list_is_a_valid_observation_and_means_sold_out(in_process: InProcessWorker) -> None:
    product_id = await in_process.watched(Offer("0" * 31 + "1", 100, 5))
    before = await in_process.shown(product_id)
    in_process.dictate(product_id)
    assert (await in_process.refresh()).outcomes[Outcome.FAILED] == 0
    shown = await in_process.shown(product_id)
    assert [(offer.price, offer.items_in_stock) for offer in shown.offers] == [(100, 0)]
    assert (await in_process.offers(product_id), shown.best_offer, shown.offers_in_stock) == ([], None, 0)
    assert before.observed_at is not None
    assert shown.observed_at is not None
    assert (shown.observed_at > before.observed_at, shown.stale) == (True, False)
    synchronisation = await in_process.synchronisation(product_id)
    assert (synchronisation.consecutive_failures, synchronisation.last_error) == (0, None)
    stretch = (100, before.observed_at, shown.observed_at)
    assert in_process.history(product_id) == [(UUID(int=1), *stretch), (None, *stretch)]

    in_process.make_due()
    in_process.dictate(product_id, Offer("0" * 31 + "1", 120, 4))
    await in_process.refresh()
    assert [(offer.price, offer.items_in_stock) for offer in await in_process.offers(product_id)] == [(120, 4)]


@pytest.mark.parametrize("kind", REFUSED_WHOLE)
async def test_fault_17_a_malformed_answer_is_refused_whole_and_counted(in_process: InProcessWorker, kind: str) -> None:
    product_id = await in_process.watched(*EIGHT)
    before, history = await in_process.shown(product_id), in_process.history(product_id)
    last_success_at = (await in_process.synchronisation(product_id)).last_success_at
    counted = await in_process.counted(FAILURES, work="refresh", reason="answer_refused")
    in_process.dictate(product_id, *map(dearer, EIGHT))
    in_process.misbehave(malformed={kind: [str(product_id)]})
    for failures in (1, 2):
        in_process.make_due()
        await in_process.work(Job.REFRESH_DUE_PRODUCTS)
        assert (await in_process.shown(product_id), in_process.history(product_id)) == (before, history)
        synchronisation = await in_process.synchronisation(product_id)
        assert (synchronisation.consecutive_failures, synchronisation.last_success_at) == (failures, last_success_at)
        assert (synchronisation.last_error or "").endswith(
            ("is not a list of offers", "is too large", "more than 10000 offers", "is malformed")
        )
        assert await in_process.counted(FAILURES, work="refresh", reason="answer_refused") == counted + failures

    in_process.misbehave()
    in_process.make_due()
    await in_process.work(Job.REFRESH_DUE_PRODUCTS)
    assert [offer.price for offer in await in_process.offers(product_id)] == [dearer(offer).price for offer in EIGHT]
    synchronisation = await in_process.synchronisation(product_id)
    assert (synchronisation.consecutive_failures, synchronisation.last_error) == (0, None)


@pytest.mark.parametrize("field", ["price", "items_in_stock"])
@pytest.mark.parametrize("kind", ONE_BAD_ROW)
async def test_fault_18_an_offer_whose_row_is_bad_stays_as_it_was_and_the_other_seven_are_kept(
    in_process: InProcessWorker, kind: str, field: str
) -> None:
    before, after, history = await seen_with_one_bad_row(in_process, kind, field)
    assert after[1] == before[1]
    assert [after[number].price for number in range(2, 9)] == [2_000 + number for number in range(2, 9)]
    assert [after[number].items_in_stock for number in range(2, 10)] == [20] * 7 + [0]
    assert history == [*range(2, 10)]  # the ninth was missing from a list that showed all its ids


async def test_fault_18_an_offer_whose_row_stays_bad_is_not_the_best_price_for_ever(
    in_process: InProcessWorker,
) -> None:
    product_id = await in_process.watched(*EIGHT)
    in_process.misbehave(malformed={"row_string": [str(product_id)]}, bad_field="price")
    lost = await in_process.counted(LOST_OFFERS)
    await in_process.work(Job.REFRESH_DUE_PRODUCTS)
    assert (await in_process.shown(product_id)).best_offer == BestOfferView(UUID(int=1), 1_001, 10)
    assert (await in_process.synchronisation(product_id)).refused_rows == 1
    # Three intervals pass.
    in_process.execute("UPDATE offer SET known_until = clock_timestamp() WHERE known_until IS NOT NULL")
    in_process.make_due()
    await in_process.work(Job.REFRESH_DUE_PRODUCTS)
    shown = await in_process.shown(product_id)
    assert (shown.best_offer, shown.offers_in_stock) == (BestOfferView(UUID(int=2), 1_002, 10), 7)
    assert UUID(int=1) not in {offer.id for offer in shown.offers}
    assert await in_process.counted(LOST_OFFERS) == lost + 1


@pytest.mark.parametrize("kind", ["row_without_id", "row_unreadable_id"])
async def test_fault_18_a_bad_row_without_a_readable_id_closes_no_offer(in_process: InProcessWorker, kind: str) -> None:
    before, after, history = await seen_with_one_bad_row(in_process, kind, "price")
    assert (after[1], after[9]) == (before[1], before[9])
    assert [after[number].price for number in range(2, 9)] == [2_000 + number for number in range(2, 9)]
    assert history == [*range(2, 9)]


async def seen_with_one_bad_row(
    in_process: InProcessWorker, kind: str, field: str
) -> tuple[dict[int, OfferView], dict[int, OfferView], list[int]]:
    """Return a product's nine offers before and after an answer of eight rows, and those of which a stretch ended."""
    product_id = await in_process.watched(*EIGHT, NINTH)
    before = {offer.id.int: offer for offer in (await in_process.shown(product_id)).offers}
    in_process.dictate(product_id, *map(dearer, EIGHT))
    in_process.misbehave(malformed={kind: [str(product_id)]}, bad_field=field)
    counted = await in_process.counted(REFUSED_ROWS)
    await in_process.work(Job.REFRESH_DUE_PRODUCTS)
    assert await in_process.counted(REFUSED_ROWS) == counted + 1
    synchronisation = await in_process.synchronisation(product_id)
    assert (synchronisation.consecutive_failures, synchronisation.last_error) == (0, None)
    after = {offer.id.int: offer for offer in (await in_process.shown(product_id)).offers}
    ended = in_process.query("SELECT offer_id FROM offer_interval WHERE product_id = %s ORDER BY offer_id", product_id)
    return before, after, [id.int for (id,) in ended]


def dearer(offer: Offer) -> Offer:
    """Return the offer at another price, with another stock."""
    return msgspec.structs.replace(offer, price=offer.price + 1_000, items_in_stock=20)
