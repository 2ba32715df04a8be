"""Every write leaves one record; what writes nothing leaves none."""

from datetime import timedelta
from typing import Any

import pytest

from application.access.actor import OPERATOR, Actor, ActorKind, Scope
from application.access.audit import Action, Subject
from application.access.audit_records import AuditActor
from application.access.key_management import CreateKey, RecordLogin, RevokeKey
from application.alerts.closing import close_product
from application.catalogue.editing import AmendProduct, WithdrawProduct
from application.catalogue.idempotency_keys import IdempotentRequest
from application.catalogue.registration import NewProduct
from domain.errors import PreconditionFailed, ProductAlreadyExists, ProductsAlreadyExist
from factories import some_id
from fakes.synchronisation import Synchronising

KEY = Actor(ActorKind.KEY, "5b8f0a52", "Import", "request-7", "192.0.2.7")


def written(world: Synchronising) -> list[tuple[Action, Any, Any]]:
    return [(record.action, record.before, record.after) for record in world.storage.rows.audit]


async def test_the_life_of_a_product_is_recorded_with_the_fields_that_changed(world: Synchronising) -> None:
    id = (await world.new(name="Lamp", description="Gives light.")).id
    await world.amend(id, name="Torch", description="Gives light.")
    await world.withdraw(id)
    assert written(world) == [
        (Action.PRODUCT_CREATED, None, {"name": "Lamp", "description": "Gives light."}),
        (Action.PRODUCT_AMENDED, {"name": "Lamp"}, {"name": "Torch"}),
        (Action.PRODUCT_WITHDRAWN, {"name": "Torch", "description": "Gives light."}, None),
    ]
    assert {record.subject for record in world.storage.rows.audit} == {Subject.product(id)}


async def test_a_record_says_who_wrote_in_which_request_from_where_and_when(world: Synchronising) -> None:
    id = await world.created()
    later = world.clock.advance(timedelta(hours=1))
    await AmendProduct(world.storage.begin, world.clock)(id, name="Torch", actor=KEY)
    record = world.storage.rows.audit[-1]
    assert record.actor == AuditActor(ActorKind.KEY, "5b8f0a52", "Import")
    assert (record.request_id, record.address, record.at) == ("request-7", "192.0.2.7", later)


async def test_a_write_that_changes_nothing_or_is_refused_leaves_no_record(world: Synchronising) -> None:
    request = IdempotentRequest(b"key", b"content", lambda _: b"answer")
    lamp = (await world.create(name="Lamp", description="", idempotency=request)).product
    await world.new(name="Torch")
    before = written(world)
    await world.create(name="Lamp", description="", idempotency=request)
    await world.amend(lamp.id, name="Lamp ")
    with pytest.raises(ProductAlreadyExists):
        await world.amend(lamp.id, name="Torch")
    with pytest.raises(ProductAlreadyExists):
        await world.new(name="Torch")
    with pytest.raises(PreconditionFailed):
        await WithdrawProduct(world.storage.begin, close_product)(lamp.id, expected=(), actor=KEY)
    assert written(world) == before


async def test_a_batch_leaves_a_record_for_each_product_that_it_adds(world: Synchronising) -> None:
    await world.new(name="Lamp")
    request = IdempotentRequest(b"key", b"content", lambda _: b"answer")
    wanted = [NewProduct(name, "", some_id()) for name in ("Pan", "Lamp", "Pot", "Pan")]
    await world.load(wanted, partial=True, idempotency=request, actor=KEY)
    await world.load(wanted, partial=True, idempotency=request, actor=KEY)
    with pytest.raises(ProductsAlreadyExist):
        await world.load([NewProduct("Lid", ""), NewProduct("Lamp", "")])
    added = world.storage.rows.audit[1:]
    assert [(record.action, record.after) for record in added] == [
        (Action.PRODUCT_CREATED, {"name": name, "description": ""}) for name in ("Pan", "Pot")
    ]
    assert [record.subject for record in added] == [Subject.product(wanted[0].id), Subject.product(wanted[2].id)]  # type: ignore[arg-type]
    assert {record.actor.id for record in added} == {KEY.id}


async def test_a_retried_registration_is_recorded_unless_the_product_is_registered(world: Synchronising) -> None:
    id = await world.created()
    await world.retry(id)
    assert written(world)[1:] == [(Action.REGISTRATION_RETRIED, None, None)]
    async with world.storage.begin() as work:
        product = await work.products.get(id)
        product.rejected("bad", world.clock.now)
        await work.products.save(product)
        await work.commit()
    await world.retry(id)
    rejected, pending = {"registration": "rejected"}, {"registration": "pending"}
    assert written(world)[2:] == [(Action.REGISTRATION_RETRIED, rejected, pending)]
    await world.submit()
    await world.retry(id)
    assert len(written(world)) == 3


async def test_keys_and_logins_are_recorded_and_no_secret_with_them(world: Synchronising) -> None:
    begin = world.storage.begin
    created = await CreateKey(begin)(name="Import", scopes=[Scope.AUDIT_READ], actor=OPERATOR)
    await RevokeKey(begin)(created.key.id, actor=OPERATOR)
    await RevokeKey(begin)(created.key.id, actor=OPERATOR)
    await RecordLogin(begin)(OPERATOR)
    after = {"name": "Import", "prefix": created.key.prefix, "scopes": ["audit:read"], "expires_at": None}
    at = "2026-03-14T12:00:00Z"
    assert written(world) == [
        (Action.KEY_CREATED, None, after),
        (Action.KEY_REVOKED, {"revoked_at": None}, {"revoked_at": at}),
        (Action.LOGGED_IN, None, None),
    ]
    assert world.storage.rows.audit[-1].subject is None
    assert created.text[13:] not in repr(world.storage.rows.audit)
