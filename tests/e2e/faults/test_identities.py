"""Faults of offers' ids: however upstream writes one, it is 128 bits, and belongs to the product that it came with."""

from uuid import UUID

import pytest

from api_client.api import client_of
from e2e.faults.in_process_worker import InProcessWorker
from entrypoints.development.offers_simulator.product import Offer
from entrypoints.http.app import create_app

# Neither version nor variant is one of RFC 4122, as with all of upstream's ids.
ODD = "5eed0ffe-12ab-c3d4-e5f6-0123456789ab"
NIL = "00000000-0000-0000-0000-000000000000"
ALL_ONES = "ffffffff-ffff-ffff-ffff-ffffffffffff"


def prices(offers: list[tuple[str, int]]) -> list[Offer]:
    return [Offer(id, price, 5) for id, price in offers]


@pytest.mark.parametrize("clothes", ["upper_case_ids", "unhyphenated_ids"])
async def test_fault_19_an_id_in_other_clothes_is_the_same_offer_shown_in_lower_case_with_hyphens(
    in_process: InProcessWorker, clothes: str
) -> None:
    product_id = await in_process.watched(*prices([(ODD, 100), (NIL, 200), (ALL_ONES, 300)]))
    before = await in_process.offers(product_id)
    in_process.dictate(product_id, *prices([(ODD, 100), (NIL, 200), (ALL_ONES, 400)]))
    in_process.misbehave(malformed={clothes: "all"})
    await in_process.refresh()
    after = await in_process.offers(product_id)
    assert after[:2] == before[:2]
    assert (after[2].price, after[2].first_seen_at) == (400, before[2].first_seen_at)
    assert [row[0] for row in in_process.history(product_id)] == [UUID(ALL_ONES)]
    async with client_of(await create_app(in_process.container)) as http:
        shown = (await http.get(f"/products/{product_id}")).json()
    assert [offer["id"] for offer in shown["offers"]] == [ODD, NIL, ALL_ONES]
    assert shown["best_offer"]["id"] == ODD


async def test_fault_19_ids_in_braces_are_not_readable_so_nothing_changes(in_process: InProcessWorker) -> None:
    product_id = await in_process.watched(*prices([(ODD, 100), (NIL, 200)]))
    before = await in_process.shown(product_id)
    in_process.dictate(product_id, *prices([(ODD, 150)]))
    in_process.misbehave(malformed={"braced_ids": "all"})
    await in_process.refresh()
    assert await in_process.shown(product_id) == before
    assert (await in_process.synchronisation(product_id)).consecutive_failures == 1


@pytest.mark.parametrize("last", [100, 300])
async def test_fault_19_of_the_same_id_twice_the_last_one_wins(in_process: InProcessWorker, last: int) -> None:
    product_id = await in_process.watched(*prices([(ODD, 200), (NIL, 250)]))
    in_process.dictate(product_id, *prices([(ODD.upper(), 400 - last), (NIL, 250), (ODD, last)]))
    await in_process.refresh()
    offers = {str(offer.id): offer.price for offer in (await in_process.shown(product_id)).offers}
    assert offers == {ODD: last, NIL: 250}
    assert [row[:2] for row in in_process.history(product_id) if row[0]] == [(UUID(ODD), 200)]

    in_process.make_due()
    in_process.misbehave(malformed={"same_id_twice": "all"})  # upstream shows the least id once more, for 15000
    in_process.dictate(product_id, *prices([(NIL, 250), (ODD, last)]))
    await in_process.refresh()
    assert {str(offer.id): offer.price for offer in await in_process.offers(product_id)} == {ODD: last, NIL: 15_000}


async def test_fault_19_the_same_id_under_two_products_is_an_offer_of_each(in_process: InProcessWorker) -> None:
    first = await in_process.watched(*prices([(ODD, 100), (NIL, 110)]))
    second = await in_process.watched(*prices([(ODD, 200)]))
    in_process.dictate(first, *prices([(ODD, 150), (NIL, 110)]))
    await in_process.refresh()
    assert [(str(offer.id), offer.price) for offer in await in_process.offers(first)] == [(NIL, 110), (ODD, 150)]
    assert [(str(offer.id), offer.price) for offer in await in_process.offers(second)] == [(ODD, 200)]

    in_process.make_due()
    in_process.dictate(first, *prices([(NIL, 110)]))
    await in_process.refresh()
    assert [(str(offer.id), offer.price) for offer in await in_process.offers(first)] == [(NIL, 110)]
    shown = await in_process.shown(second)
    assert [(str(offer.id), offer.price, offer.items_in_stock) for offer in shown.offers] == [(ODD, 200, 5)]
    assert [row[:2] for row in in_process.history(first) if row[0]] == [(UUID(ODD), 100), (UUID(ODD), 150)]
    assert in_process.history(second) == []
