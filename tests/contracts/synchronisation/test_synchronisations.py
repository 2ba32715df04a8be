"""The synchronisation repository's port: due products, claims, and the right to write under a lease."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from application.synchronisation.repositories import MOST_UNOBSERVED, Claim, Due
from domain.errors import ProductNotFound
from domain.product import Product
from domain.synchronisation import AT_ONCE, Synchronisation
from factories import SynchronisationFactory, some_id
from storages.storage import (
    HOUR,
    INTERVAL,
    Storage,
    add,
    ago,
    change,
    new_product,
    pending,
    scheduled,
    state_of,
    withdraw,
)

LEASE = timedelta(seconds=25)
ENDED = timedelta(0)
"""A lease that is over as soon as its claim is committed."""
NOTHING_DUE = Due(registrations=0, observations=0, lag=timedelta(0), at=ago())


async def claim_observations(
    storage: Storage, *, lease: timedelta = LEASE, limit: int = 100, interval: timedelta = INTERVAL
) -> Claim | None:
    async with storage.begin() as work:
        claim = await work.synchronisations.claim_observations(interval, lease, limit)
        await work.commit()
    return claim


async def claim_registrations(storage: Storage, *, lease: timedelta = LEASE, limit: int = 100) -> Claim | None:
    async with storage.begin() as work:
        claim = await work.synchronisations.claim_registrations(lease, limit)
        await work.commit()
    return claim


def claimed(claim: Claim | None) -> set[UUID]:
    return set() if claim is None else set(claim.product_ids)


def lease_of(claim: Claim | None) -> UUID:
    assert claim is not None
    return claim.lease_id


async def held(storage: Storage, lease_id: UUID, *product_ids: UUID) -> list[UUID]:
    async with storage.begin() as work:
        return [state.product_id for state in await work.synchronisations.hold(lease_id, product_ids)]


async def slot_of(storage: Storage, product_id: UUID) -> datetime | None:
    return (await state_of(storage.begin, product_id)).scheduled_at


async def test_a_state_comes_back_with_every_field(storage: Storage) -> None:
    product, other = new_product(), new_product()
    await add(storage.begin, product, other)
    states = [SynchronisationFactory.build(product_id=each.id) for each in (product, other)]
    async with storage.begin() as work:
        await work.synchronisations.save(*states)
        await work.commit()
    assert [await state_of(storage.begin, state.product_id) for state in states] == states


async def test_a_state_comes_back_with_no_field_set(storage: Storage) -> None:
    product = new_product()
    await add(storage.begin, product)
    async with storage.begin() as work:
        await work.synchronisations.save(SynchronisationFactory.build(product_id=product.id))
        await work.synchronisations.save(Synchronisation(product.id, None))
        await work.commit()
    assert await state_of(storage.begin, product.id) == Synchronisation(product.id, None)


async def test_nothing_due_is_no_claim(storage: Storage) -> None:
    assert await claim_observations(storage) is None
    assert await claim_registrations(storage) is None


async def test_a_claim_names_the_storages_time_and_a_lease_of_its_own(storage: Storage) -> None:
    for _ in range(2):
        await scheduled(storage.begin, ago(seconds=70))
    before = ago()
    first, second = await claim_observations(storage, limit=1), await claim_observations(storage, limit=1)
    assert first is not None
    assert second is not None
    assert before - timedelta(seconds=1) < first.claimed_at <= second.claimed_at < ago() + timedelta(seconds=1)
    assert first.lease_id != second.lease_id


async def test_observations_are_claimed_oldest_slot_first(storage: Storage) -> None:
    slots = [70, 300, 65, 200, 100]
    ids = {seconds: await scheduled(storage.begin, ago(seconds=seconds)) for seconds in slots}
    assert claimed(await claim_observations(storage, limit=2)) == {ids[300], ids[200]}
    assert claimed(await claim_observations(storage, limit=2)) == {ids[100], ids[70]}
    assert claimed(await claim_observations(storage, limit=2)) == {ids[65]}
    assert await claim_observations(storage) is None


async def test_registrations_are_claimed_longest_waiting_first(storage: Storage) -> None:
    ids = {seconds: await pending(storage.begin, ago(seconds=seconds)) for seconds in [1, 300, 20, 100]}
    assert claimed(await claim_registrations(storage, limit=2)) == {ids[300], ids[100]}
    assert claimed(await claim_registrations(storage, limit=1)) == {ids[20]}
    assert claimed(await claim_registrations(storage, limit=9)) == {ids[1]}


async def test_a_product_is_due_for_its_registration_or_for_its_observation(storage: Storage) -> None:
    waiting, observed = await pending(storage.begin, ago(hours=1)), await scheduled(storage.begin, ago(hours=1))
    assert claimed(await claim_observations(storage)) == {observed}
    assert claimed(await claim_registrations(storage)) == {waiting}


async def loaded(storage: Storage, count: int) -> set[UUID]:
    """Add products together, before all others."""
    products = [new_product(at=ago(hours=9)) for _ in range(count)]
    await add(storage.begin, *products)
    return {product.id for product in products}


async def test_products_added_alone_and_together_take_turns_in_registration(storage: Storage) -> None:
    together = await loaded(storage, 20)
    alone = [await pending(storage.begin, ago(seconds=9 - number)) for number in range(6)]
    first = claimed(await claim_registrations(storage, limit=5))
    assert first & set(alone) == set(alone[:3])
    assert len(first & together) == 2
    # What the few of one kind leave goes to the other.
    second = claimed(await claim_registrations(storage, limit=10))
    assert second & set(alone) == set(alone[3:])
    assert len(second & together) == 7
    assert len(claimed(await claim_registrations(storage, limit=10)) & together) == 10
    late = [await pending(storage.begin, ago()) for _ in range(4)]
    assert claimed(await claim_registrations(storage, limit=4)) > set(late[:2])


async def test_products_never_observed_and_others_take_turns_in_observation(storage: Storage) -> None:
    new = {await scheduled(storage.begin, AT_ONCE) for _ in range(9)}
    others = [await scheduled(storage.begin, ago(hours=9 - number)) for number in range(3)]
    claim = claimed(await claim_observations(storage, limit=4))
    assert claim - new == set(others[:2])
    claim = claimed(await claim_observations(storage, limit=6))
    assert (claim - new, len(claim & new)) == ({others[2]}, 5)


async def test_products_added_together_wait_while_very_many_are_not_observed_yet(storage: Storage) -> None:
    await let_wait(storage, [new_product() for _ in range(MOST_UNOBSERVED)])
    together, alone = await loaded(storage, 3), await pending(storage.begin, ago())
    assert claimed(await claim_registrations(storage)) == {alone}
    async with storage.begin() as work:
        assert (await work.synchronisations.count_due(INTERVAL, 5)).registrations == 0
    observing = claimed(await claim_observations(storage, limit=1))
    assert len(observing) == 1
    assert claimed(await claim_registrations(storage)) == together


async def let_wait(storage: Storage, products: list[Product]) -> None:
    """Add products that are registered and not observed yet."""
    async with storage.begin() as work:
        await work.products.add(*products)
        states = [Synchronisation(product.id, None) for product in products]
        for state in states:
            state.start_observing(ago(hours=1))
        await work.synchronisations.save(*states)
        await work.commit()


async def test_the_first_observation_comes_before_all_others(storage: Storage) -> None:
    await scheduled(storage.begin, ago(hours=5))
    new = await scheduled(storage.begin, AT_ONCE)
    assert claimed(await claim_observations(storage, limit=1)) == {new}


@pytest.mark.parametrize(
    ("seconds", "due"), [(50, False), (58, False), (62, True), (1_000, True)], ids=lambda value: str(value)
)
async def test_an_observation_is_due_one_interval_after_its_last_slot(
    storage: Storage, seconds: int, due: bool
) -> None:
    id = await scheduled(storage.begin, ago(seconds=seconds))
    assert claimed(await claim_observations(storage)) == ({id} if due else set())


async def test_a_changed_interval_acts_at_once(storage: Storage) -> None:
    id = await scheduled(storage.begin, ago(seconds=50))
    assert await claim_observations(storage) is None
    assert claimed(await claim_observations(storage, interval=timedelta(seconds=40))) == {id}
    other = await scheduled(storage.begin, ago(seconds=300))
    assert await claim_observations(storage, interval=timedelta(seconds=600)) is None
    assert claimed(await claim_observations(storage, interval=timedelta(milliseconds=1))) >= {other}


@pytest.mark.parametrize("seconds", [61, 90, 118])
async def test_a_claim_in_time_moves_the_slot_by_one_interval_without_drift(storage: Storage, seconds: int) -> None:
    slot = ago(seconds=seconds)
    id = await scheduled(storage.begin, slot)
    await claim_observations(storage)
    assert await slot_of(storage, id) == slot + INTERVAL


@pytest.mark.parametrize("seconds", [122, 100_000])
async def test_a_claim_that_missed_a_slot_moves_it_to_now(storage: Storage, seconds: int) -> None:
    id = await scheduled(storage.begin, ago(seconds=seconds))
    claim = await claim_observations(storage)
    assert claim is not None
    assert await slot_of(storage, id) == claim.claimed_at


async def test_nothing_is_claimed_before_its_time(storage: Storage) -> None:
    await scheduled(storage.begin, ago(hours=1), not_before=ago(seconds=-30))
    waiting = await pending(storage.begin, ago(hours=1))
    await change(storage.begin, waiting, lambda state: state.fail("HTTP 503", ago(), ago(seconds=-30)))
    assert await claim_observations(storage) is None
    assert await claim_registrations(storage) is None
    async with storage.begin() as work:
        assert await work.synchronisations.count_due(INTERVAL, 10) == NOTHING_DUE


async def test_what_a_clock_that_was_ahead_has_put_off_is_due_now(storage: Storage) -> None:
    slot_ahead = await scheduled(storage.begin, ago(hours=-1))
    failed_ahead = await scheduled(storage.begin, ago(hours=-1))
    await change(storage.begin, failed_ahead, lambda state: state.fail("HTTP 503", ago(hours=-1), ago(hours=-2)))
    created_ahead, refused_ahead, waits_for_too_long = [await pending(storage.begin, ago(hours=1)) for _ in range(3)]
    await change(storage.begin, created_ahead, lambda state: state.await_registration(ago(hours=-1)))
    await change(storage.begin, refused_ahead, lambda state: state.fail("HTTP 503", ago(hours=-1), ago(hours=-2)))
    await change(storage.begin, waits_for_too_long, lambda state: state.fail("HTTP 503", ago(), ago(hours=-1)))
    async with storage.begin() as work:
        due = await work.synchronisations.count_due(INTERVAL, 10)
    assert (due.observations, due.registrations) == (2, 3)
    registrations = {created_ahead, refused_ahead, waits_for_too_long}
    assert claimed(await claim_observations(storage)) == {slot_ahead, failed_ahead}
    assert claimed(await claim_registrations(storage)) == registrations
    for id in (slot_ahead, failed_ahead):
        slot = await slot_of(storage, id)
        assert slot is not None
        assert ago(seconds=30) < slot <= ago()


async def test_the_likeliest_of_what_a_clock_has_put_off_are_claimed_too(storage: Storage) -> None:
    slot_ahead, created_ahead = await scheduled(storage.begin, ago(hours=-1)), await pending(storage.begin, ago())
    await change(storage.begin, created_ahead, lambda state: state.await_registration(ago(hours=-1)))
    async with storage.begin() as work:
        observations = await work.synchronisations.claim_observations(INTERVAL, LEASE, 5, likeliest=True)
        registrations = await work.synchronisations.claim_registrations(LEASE, 5, likeliest=True)
    assert (claimed(observations), claimed(registrations)) == ({slot_ahead}, {created_ahead})


async def test_a_lease_that_a_clock_that_was_ahead_has_given_is_over(storage: Storage) -> None:
    observed, registering = await scheduled(storage.begin, ago(hours=1)), await pending(storage.begin, ago(hours=1))
    long = timedelta(hours=1)
    assert claimed(await claim_observations(storage, lease=long)) == {observed}
    assert claimed(await claim_registrations(storage, lease=long)) == {registering}
    assert claimed(await claim_observations(storage)) == {observed}
    assert claimed(await claim_registrations(storage)) == {registering}


async def test_a_backoff_puts_the_slot_ahead_and_is_waited_for_however_many_there_are(storage: Storage) -> None:
    for _ in range(5):
        id = await scheduled(storage.begin, ago(hours=1))

        def back_off(state: Synchronisation) -> None:
            state.fail("HTTP 503", ago(seconds=1), ago(seconds=-300))
            state.move_slot(INTERVAL)

        await change(storage.begin, id, back_off)
    ahead = await scheduled(storage.begin, ago(hours=-1))
    assert claimed(await claim_observations(storage, limit=2)) == {ahead}
    assert await claim_observations(storage) is None


async def test_a_product_is_due_by_the_storages_clock_whatever_the_creators_says(storage: Storage) -> None:
    id = await pending(storage.begin, ago(hours=-1000))
    due_since = (await state_of(storage.begin, id)).not_before
    assert due_since is not None
    assert due_since <= ago()
    assert claimed(await claim_registrations(storage)) == {id}


async def test_a_unit_of_work_knows_the_storages_time(storage: Storage) -> None:
    before = ago()
    async with storage.begin() as work:
        now = await work.now()
        assert before - timedelta(seconds=1) < now < ago() + timedelta(seconds=1)
        assert before - timedelta(seconds=1) < (await work.synchronisations.count_due(INTERVAL, 1)).at


async def test_a_registration_given_up_is_never_due(storage: Storage) -> None:
    id = await pending(storage.begin, ago(hours=1))
    await change(storage.begin, id, lambda state: state.give_up("refused", ago(seconds=1)))
    assert await claim_registrations(storage) is None
    assert await claim_observations(storage) is None


async def test_a_leased_product_is_skipped(storage: Storage) -> None:
    await scheduled(storage.begin, ago(hours=1))
    await pending(storage.begin, ago(hours=1))
    assert await claim_observations(storage)
    assert await claim_registrations(storage)
    assert await claim_observations(storage, interval=timedelta(microseconds=1)) is None
    assert await claim_registrations(storage) is None


async def test_a_claim_that_was_not_committed_does_not_count(storage: Storage) -> None:
    slot = ago(seconds=70)
    id = await scheduled(storage.begin, slot)
    async with storage.begin() as work:
        lost = await work.synchronisations.claim_observations(INTERVAL, LEASE, 1)
    assert claimed(lost) == {id}
    assert await slot_of(storage, id) == slot
    assert await held(storage, lease_of(lost), id) == []
    assert claimed(await claim_observations(storage)) == {id}


async def test_a_lease_that_ended_is_taken_over_in_the_slot_it_was_claimed_for(storage: Storage) -> None:
    slot = ago(seconds=70)
    id = await scheduled(storage.begin, slot)
    first = await claim_observations(storage, lease=ENDED)
    second = await claim_observations(storage)
    assert claimed(second) == {id}
    assert await slot_of(storage, id) == slot + INTERVAL
    assert await held(storage, lease_of(first), id) == []
    assert await held(storage, lease_of(second), id) == [id]


async def test_a_registration_whose_lease_ended_is_taken_over(storage: Storage) -> None:
    id = await pending(storage.begin, ago(seconds=70))
    first = await claim_registrations(storage, lease=ENDED)
    second = await claim_registrations(storage)
    assert claimed(second) == {id}
    assert await held(storage, lease_of(first), id) == []
    assert await held(storage, lease_of(second), id) == [id]
    assert await claim_observations(storage) is None


async def test_abandoned_and_free_products_share_one_limit(storage: Storage) -> None:
    for _ in range(3):
        await scheduled(storage.begin, ago(seconds=70))
    await claim_observations(storage, lease=ENDED, limit=2)
    assert len(claimed(await claim_observations(storage, limit=2))) == 2
    assert len(claimed(await claim_observations(storage, limit=2))) == 1


async def test_a_lease_that_ended_still_covers_a_product_until_somebody_claims_it(storage: Storage) -> None:
    ids = [await scheduled(storage.begin, ago(seconds=seconds)) for seconds in (200, 100)]
    first = await claim_observations(storage, lease=ENDED)
    assert await held(storage, lease_of(first), *ids) == sorted(ids)
    second = await claim_observations(storage, limit=1)
    left = [id for id in ids if id not in claimed(second)]
    assert await held(storage, lease_of(first), *ids) == left


async def test_hold_returns_what_was_asked_for_and_is_covered(storage: Storage) -> None:
    ids = [await scheduled(storage.begin, ago(seconds=70)) for _ in range(4)]
    claim = await claim_observations(storage)
    waiting = await pending(storage.begin, ago())
    await withdraw(storage.begin, ids[0])
    assert await held(storage, lease_of(claim), *ids[:3], waiting, some_id()) == sorted(ids[1:3])
    assert await held(storage, some_id(), *ids) == []
    assert await held(storage, lease_of(claim)) == []


async def test_hold_returns_the_state_as_it_is(storage: Storage) -> None:
    id = await scheduled(storage.begin, ago(seconds=70))
    claim = await claim_observations(storage)
    async with storage.begin() as work:
        states = await work.synchronisations.hold(lease_of(claim), [id])
    assert states == [await state_of(storage.begin, id)]


async def test_saving_ends_the_lease_and_the_product_is_due_at_its_next_slot(storage: Storage) -> None:
    id = await scheduled(storage.begin, ago(seconds=70))
    claim = await claim_observations(storage)
    async with storage.begin() as work:
        states = await work.synchronisations.hold(lease_of(claim), [id])
        await work.synchronisations.save(*states)
        await work.commit()
    assert await held(storage, lease_of(claim), id) == []
    assert await claim_observations(storage) is None
    assert claimed(await claim_observations(storage, interval=timedelta(seconds=5))) == {id}


async def test_a_state_got_by_itself_is_fenced_off_from_the_lease_it_had(storage: Storage) -> None:
    id = await pending(storage.begin, ago(seconds=70))
    claim = await claim_registrations(storage)
    await change(storage.begin, id, lambda state: state.await_registration(ago()))
    assert await held(storage, lease_of(claim), id) == []
    assert claimed(await claim_registrations(storage)) == {id}


async def test_postponed_products_stay_due_in_the_slot_they_were_claimed_for(storage: Storage) -> None:
    slot = ago(seconds=70)
    ids = [await scheduled(storage.begin, slot) for _ in range(2)]
    claim = await claim_observations(storage)
    async with storage.begin() as work:
        await work.synchronisations.postpone(lease_of(claim), [ids[0], some_id()])
        await work.commit()
    assert claimed(await claim_observations(storage)) == {ids[0]}
    assert await slot_of(storage, ids[0]) == slot + INTERVAL
    assert (await state_of(storage.begin, ids[0])).last_attempt_at is not None  # as registering left it
    assert await held(storage, lease_of(claim), *ids) == [ids[1]]


async def test_postponed_registrations_stay_due(storage: Storage) -> None:
    id = await pending(storage.begin, ago(seconds=70))
    claim = await claim_registrations(storage)
    async with storage.begin() as work:
        await work.synchronisations.postpone(lease_of(claim), [id])
        await work.commit()
    assert claimed(await claim_registrations(storage)) == {id}


async def test_only_the_owner_of_a_lease_postpones(storage: Storage) -> None:
    id = await scheduled(storage.begin, ago(seconds=70))
    await claim_observations(storage)
    async with storage.begin() as work:
        await work.synchronisations.postpone(some_id(), [id])
        await work.commit()
    assert await claim_observations(storage) is None


async def test_a_withdrawn_product_is_not_due(storage: Storage) -> None:
    await withdraw(storage.begin, await scheduled(storage.begin, ago(hours=1)))
    await withdraw(storage.begin, await pending(storage.begin, ago(hours=1)))
    assert await claim_observations(storage) is None
    assert await claim_registrations(storage) is None
    async with storage.begin() as work:
        assert await work.synchronisations.count_due(INTERVAL, 10) == NOTHING_DUE


async def test_what_is_due_is_counted_up_to_a_limit(storage: Storage) -> None:
    for _ in range(3):
        await scheduled(storage.begin, ago(seconds=70))
    await scheduled(storage.begin, ago(seconds=50))
    for _ in range(2):
        await pending(storage.begin, ago(hours=1))
    async with storage.begin() as work:
        assert [
            (due.registrations, due.observations)
            for due in [
                await work.synchronisations.count_due(INTERVAL, 10),
                await work.synchronisations.count_due(INTERVAL, 2),
                await work.synchronisations.count_due(HOUR, 10),
            ]
        ] == [(2, 3), (2, 2), (2, 0)]


async def test_a_probe_claims_what_is_likeliest_to_go_well(storage: Storage) -> None:
    failed = await scheduled(storage.begin, ago(seconds=300))
    await change(storage.begin, failed, lambda state: setattr(state, "consecutive_failures", 1))
    old, new = await scheduled(storage.begin, ago(seconds=200)), await scheduled(storage.begin, ago(seconds=100))
    await scheduled(storage.begin, ago(seconds=10))
    waiting = await pending(storage.begin, ago(seconds=50))
    failing = await pending(storage.begin, ago(seconds=90))
    await change(storage.begin, failing, lambda state: setattr(state, "consecutive_failures", 2))
    async with storage.begin() as work:
        claims = [await work.synchronisations.claim_observations(INTERVAL, LEASE, 1, likeliest=True) for _ in range(4)]
        claims += [await work.synchronisations.claim_registrations(LEASE, 1, likeliest=True) for _ in range(3)]
        await work.commit()
    claimed = [claim and list(claim.product_ids) for claim in claims]
    assert claimed == [[new], [old], [failed], None, [waiting], [failing], None]


async def test_what_is_claimed_and_not_observed_yet_still_counts_towards_the_lag(storage: Storage) -> None:
    id = await scheduled(storage.begin, ago(seconds=300))
    await change(storage.begin, id, lambda state: setattr(state, "observed_at", ago(seconds=200)))
    assert await claim_observations(storage)
    async with storage.begin() as work:
        assert (await work.synchronisations.count_due(INTERVAL, 10)).lag.total_seconds() == pytest.approx(140, abs=5)


async def test_the_lag_is_how_long_the_first_slot_has_been_due(storage: Storage) -> None:
    await scheduled(storage.begin, ago(seconds=100))
    await scheduled(storage.begin, ago(seconds=70))
    await scheduled(storage.begin, ago(hours=5), not_before=ago(seconds=30))
    async with storage.begin() as work:
        assert (await work.synchronisations.count_due(INTERVAL, 10)).lag.total_seconds() == pytest.approx(40, abs=5)
        assert (await work.synchronisations.count_due(HOUR, 10)).lag.total_seconds() == pytest.approx(30, abs=5)


async def test_leased_products_are_counted_again_once_their_lease_ended(storage: Storage) -> None:
    for _ in range(3):
        await scheduled(storage.begin, ago(seconds=70))
        await pending(storage.begin, ago(seconds=70))
    await claim_observations(storage, limit=1)
    await claim_registrations(storage, limit=1)
    await claim_observations(storage, limit=1, lease=ENDED)
    await claim_registrations(storage, limit=1, lease=ENDED)
    async with storage.begin() as work:
        due = await work.synchronisations.count_due(INTERVAL, 10)
        assert (due.registrations, due.observations) == (2, 2)
        due = await work.synchronisations.count_due(INTERVAL, 1)
        assert (due.registrations, due.observations) == (1, 1)


async def test_the_state_of_an_unknown_or_withdrawn_product_is_not_found(storage: Storage) -> None:
    id = await pending(storage.begin, ago())
    await withdraw(storage.begin, id)
    for missing in (id, some_id()):
        with pytest.raises(ProductNotFound):
            await state_of(storage.begin, missing)
