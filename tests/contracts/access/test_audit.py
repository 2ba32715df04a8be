"""The ports of the audit log, on the fake and on PostgreSQL."""

from datetime import timedelta

import pytest

from application.access.actor import Actor, ActorKind
from application.access.audit import Action, AuditEntry, Subject
from application.access.audit_records import AuditActor, AuditFilter, AuditPosition, AuditRecord
from factories import some_id
from storages.storage import Storage, ago, new_product

ALICE = Actor(ActorKind.ADMIN, "alice", "alice", "request-1", "2001:db8::7")
KEY = Actor(ActorKind.KEY, str(some_id()), "Nightly “import” \\ \n", None, None)
PRODUCT, OTHER = Subject.product(some_id()), Subject.key(some_id())
AMENDED = AuditEntry(
    ALICE, Action.PRODUCT_AMENDED, PRODUCT, {"name": 'a "b" {c} \\,', "n": None}, {"name": "ž 🎉", "n": [1, {"x": 2.5}]}
)
LOGIN = AuditEntry(ALICE, Action.LOGGED_IN)
REVOKED = AuditEntry(KEY, Action.KEY_REVOKED, OTHER, {}, {"at": "x"})


async def append(storage: Storage, *entries: AuditEntry) -> None:
    async with storage.begin() as work:
        await work.audit.append(*entries)
        await work.commit()


async def read(storage: Storage, wanted: AuditFilter | None = None) -> list[AuditRecord]:
    records, following = await storage.audit.page(wanted or AuditFilter(), 100)
    assert following is None
    return list(records)


async def test_a_record_comes_back_as_it_was_appended(storage: Storage) -> None:
    before = ago()
    await append(storage, AMENDED)
    (record,) = await read(storage)
    assert record.actor == AuditActor(ALICE.kind, ALICE.id, ALICE.name)
    assert (record.action, record.subject, record.before, record.after) == (
        AMENDED.action,
        AMENDED.subject,
        AMENDED.before,
        AMENDED.after,
    )
    assert (record.request_id, record.address) == ("request-1", "2001:db8::7")
    assert before - timedelta(seconds=5) <= record.at <= ago() + timedelta(seconds=5)


async def test_what_a_record_lacks_is_null(storage: Storage) -> None:
    await append(storage, AuditEntry(KEY, Action.LOGGED_IN))
    (record,) = await read(storage)
    assert record.actor == AuditActor(KEY.kind, KEY.id, KEY.name)
    lacking = (record.subject, record.before, record.after, record.request_id, record.address)
    assert lacking == (None,) * 5


async def test_many_records_are_appended_at_once_or_none(storage: Storage) -> None:
    entries = [AuditEntry(ALICE, Action.PRODUCT_CREATED, Subject.product(some_id())) for _ in range(50)]
    await append(storage, *entries)
    await append(storage)
    assert {record.subject for record in await read(storage)} == {entry.subject for entry in entries}
    assert len({record.at for record in await read(storage)}) == 1


async def test_the_record_and_the_write_commit_together_or_not_at_all(storage: Storage) -> None:
    async with storage.begin() as work:
        await work.products.add(new_product())
        await work.audit.append(AMENDED)
    assert await read(storage) == []


@pytest.mark.parametrize("wanted", [AuditFilter(actor="a\0"), AuditFilter(subject_id="\0")])
async def test_no_record_has_a_text_that_cannot_be_stored(storage: Storage, wanted: AuditFilter) -> None:
    await append(storage, AMENDED)
    assert await read(storage, wanted) == []


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_pages_go_from_the_newest_to_the_oldest_without_a_gap(storage: Storage, limit: int) -> None:
    for _ in range(2):
        await append(storage, AMENDED, LOGIN, REVOKED)
    whole = await read(storage)
    assert whole == sorted(whole, key=lambda record: (record.at, record.id), reverse=True)
    walked: list[AuditRecord] = []
    after: AuditPosition | None = None
    while True:
        records, after = await storage.audit.page(AuditFilter(), limit, after)
        walked += records
        await append(storage, LOGIN)  # newer ones are not in the way
        if after is None:
            break
        assert len(records) == limit
    assert walked == whole


async def test_filters_select_and_combine(storage: Storage) -> None:
    await append(storage, AMENDED, LOGIN, REVOKED)
    for wanted, entries in (
        (AuditFilter(actor=ALICE.id), [AMENDED, LOGIN]),
        (AuditFilter(actor=KEY.id), [REVOKED]),
        (AuditFilter(actor=KEY.name), []),
        (AuditFilter(action=Action.LOGGED_IN), [LOGIN]),
        (AuditFilter(subject_id=PRODUCT.id), [AMENDED]),
        (AuditFilter(actor=ALICE.id, action=Action.KEY_REVOKED), []),
        (AuditFilter(actor=ALICE.id, subject_id=PRODUCT.id, action=Action.PRODUCT_AMENDED), [AMENDED]),
    ):
        found = {record.action for record in await read(storage, wanted)}
        assert found == {entry.action for entry in entries}, wanted


async def test_the_window_includes_its_start_and_excludes_its_end(storage: Storage) -> None:
    await append(storage, LOGIN)
    (record,) = await read(storage)
    later = record.at + timedelta(microseconds=1)
    assert await read(storage, AuditFilter(since=record.at, until=later)) == [record]
    assert await read(storage, AuditFilter(until=record.at)) == []
    assert await read(storage, AuditFilter(since=later)) == []
