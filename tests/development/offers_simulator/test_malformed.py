"""Answers that no client should believe, or only in part."""

import gzip
import json
import zlib

import httpx
import pytest

from development.offers_simulator.caller import OTHER, PRODUCT, Caller, ManualClock, by_id
from entrypoints.development.offers_simulator.malformed import BOMB_MIB, MALFORMED_KINDS, SHARED_ID


@pytest.mark.parametrize(
    ("kind", "content_type", "body"),
    [
        ("empty_body", "application/json", b""),
        ("empty_object", "application/json", b"{}"),
        ("null", "application/json", b"null"),
        ("wrong_type", "application/json", b'"eight offers"'),
        ("wrong_rows", "application/json", b'["eight", "offers"]'),
        ("empty_list", "application/json", b"[]"),
        ("deep_nesting", "application/json", b"[" * 100_000),
    ],
)
async def test_fixed_bodies(known: Caller, kind: str, content_type: str, body: bytes) -> None:
    response = await known.spoilt(kind)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == content_type
    assert response.content == body


async def test_html(known: Caller) -> None:
    response = await known.spoilt("html")
    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/html")
    assert response.text.startswith("<!doctype html>")


async def test_not_utf8(known: Caller) -> None:
    response = await known.spoilt("not_utf8")
    with pytest.raises(UnicodeDecodeError):
        response.content.decode()


async def test_truncated_is_a_whole_answer_with_half_the_json(known: Caller) -> None:
    response = await known.spoilt("truncated")
    assert response.content.startswith(b'[{"id"')
    with pytest.raises(json.JSONDecodeError):
        response.json()


async def test_cut_body_promises_more_than_arrives(known: Caller) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await known.spoilt("cut_body")
    assert (await known.state())["calls"]["offers"] == {"cut": 1}


async def test_trickle_sends_the_true_answer_byte_by_byte(known: Caller, clock: ManualClock) -> None:
    await known.dictate([{"id": PRODUCT, "price": 1, "items_in_stock": 2}])
    response = await known.spoilt("trickle", trickle_interval=0.001)
    assert response.json() == [{"id": PRODUCT, "price": 1, "items_in_stock": 2}]
    assert clock.waits == [0.001] * len(response.content)


async def test_a_gzip_bomb_is_small_until_inflated(known: Caller) -> None:
    await known.control(malformed={"gzip_bomb": "all"})
    url = f"/products/{PRODUCT}/offers"
    async with known.client.stream("GET", url, headers={"Bearer": known.token}) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        small = b"".join([chunk async for chunk in response.aiter_raw()])
    assert len(small) < 200_000
    inflated = gzip.decompress(small)
    assert len(inflated) == BOMB_MIB * 2**20 + 2 > 100_000_000
    assert zlib.crc32(inflated.strip(b"[] ")) == 0


async def test_too_many_offers_are_all_well_formed_and_below_a_mebibyte(known: Caller) -> None:
    own = by_id(await known.offers())
    response = await known.spoilt("too_many_offers")
    offers = by_id(response)
    assert len(response.json()) == len(offers) == 10_001
    assert own.items() <= offers.items()
    assert len(response.content) < 2**20


async def test_over_1_mib_is_the_true_answer_blown_up(known: Caller) -> None:
    own = by_id(await known.offers())
    response = await known.spoilt("over_1_mib")
    assert by_id(response) == own
    assert len(response.content) > 2**20


@pytest.mark.parametrize("field", ["price", "items_in_stock"])
@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("row_float", "19999.5"),
        ("row_negative", "-1"),
        ("row_bool", "true"),
        ("row_string", '"19999"'),
        ("row_null", "null"),
        ("row_2_63", "9223372036854775808"),
        ("row_1e400", "1e400"),
    ],
)
async def test_one_value_is_bad_and_the_other_rows_are_good(known: Caller, kind: str, text: str, field: str) -> None:
    own = by_id(await known.offers())
    response = await known.spoilt(kind, bad_field=field)
    assert response.text.count(f'"{field}":{text}') == 1
    spoilt = by_id(response)
    assert spoilt.keys() == own.keys()
    assert [one for one in own if spoilt[one] != own[one]] == [min(own)]


async def test_one_row_misses_a_field(known: Caller) -> None:
    own = by_id(await known.offers())
    spoilt = by_id(await known.spoilt("row_missing"))
    assert spoilt.pop(min(own)).keys() == {"id", "items_in_stock"}
    assert spoilt.items() < own.items()


async def test_one_row_has_no_readable_id(known: Caller) -> None:
    own = by_id(await known.offers())
    rows = (await known.spoilt("row_without_id")).json()
    assert [row.get("id") for row in rows].count(None) == 1
    rows = (await known.spoilt("row_unreadable_id")).json()
    assert {row["id"] for row in rows} - own.keys() == {"offer-number-seven"}
    assert len(rows) == len(own)


async def test_a_product_without_offers_gets_a_row_to_be_spoilt(known: Caller) -> None:
    await known.dictate([])
    assert [row["price"] for row in (await known.spoilt("row_float")).json()] == [19_999.5]


async def test_all_rows_are_bad(known: Caller) -> None:
    own = by_id(await known.offers())
    spoilt = by_id(await known.spoilt("all_rows_bad"))
    assert spoilt.keys() == own.keys()
    assert all(row["price"] == "many" for row in spoilt.values())


@pytest.mark.parametrize(
    ("kind", "example"),
    [
        ("unhyphenated_ids", "abcdef00000000000000000000000001"),
        ("braced_ids", "{abcdef00-0000-0000-0000-000000000001}"),
        ("upper_case_ids", "ABCDEF00-0000-0000-0000-000000000001"),
    ],
)
async def test_ids_are_the_same_bits_in_other_clothes(known: Caller, kind: str, example: str) -> None:
    await known.dictate([{"id": "abcdef00-0000-0000-0000-000000000001", "price": 1, "items_in_stock": 2}])
    assert (await known.spoilt(kind)).json() == [{"id": example, "price": 1, "items_in_stock": 2}]


async def test_the_same_id_comes_twice_and_differs_the_second_time(known: Caller) -> None:
    own = by_id(await known.offers())
    rows = (await known.spoilt("same_id_twice")).json()
    assert len(rows) == len(own) + 1
    assert rows[-1] == own[min(own)] | {"price": 15_000}
    assert own[min(own)] in rows[:-1]


async def test_the_same_id_comes_under_every_product(known: Caller) -> None:
    await known.register(OTHER)
    first = by_id(await known.spoilt("same_id_in_every_product"))
    second = by_id(await known.offers(OTHER))
    assert first.keys() & second.keys() == {SHARED_ID}


async def test_only_listed_products_are_spoilt_and_the_first_kind_that_fits_wins(known: Caller) -> None:
    await known.register(OTHER)
    await known.control(malformed={"null": [PRODUCT]})
    assert (await known.offers()).json() is None
    assert (await known.offers(OTHER)).json()
    await known.control(malformed={"null": [PRODUCT], "empty_object": "all"})
    assert (await known.offers()).json() is None
    assert (await known.offers(OTHER)).json() == {}


async def test_every_kind_answers_200_and_only_when_the_product_exists(known: Caller) -> None:
    for kind in set(MALFORMED_KINDS) - {"cut_body", "trickle", "gzip_bomb"}:
        assert (await known.spoilt(kind)).status_code == 200, kind
    assert (await known.offers(OTHER)).status_code == 404
