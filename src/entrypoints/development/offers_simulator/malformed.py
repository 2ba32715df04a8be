"""Lists of offers that a client should refuse as a whole or in part."""

import functools
import random
import zlib
from collections.abc import Callable, Sequence
from typing import Literal, get_args

import msgspec

from entrypoints.development.offers_simulator.answers import JSON, Answer
from entrypoints.development.offers_simulator.product import LOWEST_PRICE, Offer, new_offer

BadField = Literal["price", "items_in_stock"]
MalformedKind = Literal[
    # refused whole
    "html",
    "empty_body",
    "not_utf8",
    "truncated",
    "cut_body",
    "trickle",
    "empty_object",
    "null",
    "wrong_type",
    "wrong_rows",
    "gzip_bomb",
    "deep_nesting",
    "too_many_offers",
    "over_1_mib",
    "all_rows_bad",
    # valid
    "empty_list",
    # one row is bad
    "row_float",
    "row_negative",
    "row_missing",
    "row_bool",
    "row_string",
    "row_null",
    "row_2_63",
    "row_1e400",
    "row_without_id",
    "row_unreadable_id",
    # ids in unusual forms
    "unhyphenated_ids",
    "braced_ids",
    "upper_case_ids",
    "same_id_twice",
    "same_id_in_every_product",
]
MALFORMED_KINDS: tuple[MalformedKind, ...] = get_args(MalformedKind)

SHARED_ID = "5eed0ffe-12ab-c3d4-e5f6-0123456789ab"
TOO_MANY = 10_001
BOMB_MIB = 101

_Row = dict[str, object]

_encode = msgspec.json.Encoder().encode
_HTML = b"<!doctype html><title>Offers</title><h1>We will be right back</h1>"


@functools.cache
def _strangers() -> list[bytes]:
    dice = random.Random(TOO_MANY)
    return [_encode(new_offer(dice, LOWEST_PRICE * 2)) for _ in range(TOO_MANY)]


@functools.cache
def _gzip_bomb() -> bytes:
    squeeze = zlib.compressobj(wbits=31)
    blanks = b" " * 2**20
    parts = [squeeze.compress(b"[")]
    parts += [squeeze.compress(blanks) for _ in range(BOMB_MIB)]
    parts += [squeeze.compress(b"]"), squeeze.flush()]
    return b"".join(parts)


def _without(row: _Row, field: str) -> _Row:
    return {name: value for name, value in row.items() if name != field}


_WHOLE: dict[MalformedKind, Callable[[Sequence[Offer]], Answer]] = {
    "html": lambda _: Answer(200, _HTML, "text/html"),
    "empty_body": lambda _: Answer(200, b""),
    "empty_object": lambda _: Answer(200, b"{}"),
    "null": lambda _: Answer(200, b"null"),
    "wrong_type": lambda _: Answer(200, b'"eight offers"'),
    "wrong_rows": lambda _: Answer(200, b'["eight", "offers"]'),
    "empty_list": lambda _: Answer(200, b"[]"),
    "deep_nesting": lambda _: Answer(200, b"[" * 100_000),
    "not_utf8": lambda _: Answer(200, b'[{"id": "\xff\xfe"}]'),
    "gzip_bomb": lambda _: Answer(200, _gzip_bomb(), JSON, {"Content-Encoding": "gzip"}),
    "cut_body": lambda offers: Answer(200, _encode(offers), delivery="cut"),
    "trickle": lambda offers: Answer(200, _encode(offers), delivery="trickle"),
    "truncated": lambda offers: Answer(200, _encode(offers)[: len(_encode(offers)) // 2]),
    "over_1_mib": lambda offers: Answer(200, _encode(offers)[:-1] + b" " * 2**20 + b"]"),
    "too_many_offers": lambda offers: Answer(
        200, b"[" + b",".join([*map(_encode, offers), *_strangers()][:TOO_MANY]) + b"]"
    ),
}
_EACH_ROW: dict[MalformedKind, Callable[[_Row, BadField], _Row]] = {
    "all_rows_bad": lambda row, field: row | {field: "many"},
    "unhyphenated_ids": lambda row, _: row | {"id": str(row["id"]).replace("-", "")},
    "braced_ids": lambda row, _: row | {"id": f"{{{row['id']}}}"},
    "upper_case_ids": lambda row, _: row | {"id": str(row["id"]).upper()},
}
_ONE_ROW: dict[MalformedKind, Callable[[_Row, BadField], _Row]] = {
    "row_float": lambda row, field: row | {field: 19_999.5},
    "row_negative": lambda row, field: row | {field: -1},
    "row_missing": lambda row, field: _without(row, field),
    "row_bool": lambda row, field: row | {field: True},
    "row_string": lambda row, field: row | {field: "19999"},
    "row_null": lambda row, field: row | {field: None},
    "row_2_63": lambda row, field: row | {field: 2**63},
    "row_1e400": lambda row, field: row | {field: msgspec.Raw(b"1e400")},
    "row_without_id": lambda row, _: _without(row, "id"),
    "row_unreadable_id": lambda row, _: row | {"id": "offer-number-seven"},
    "same_id_in_every_product": lambda row, _: row | {"id": SHARED_ID},
}


def malformed_answer(kind: MalformedKind, offers: Sequence[Offer], *, field: BadField, dice: random.Random) -> Answer:
    """Spoil the answer with these offers, in their order; a single bad row is the one with the least id.

    A product without offers gets one to be spoilt. Only "row_without_id" and "row_unreadable_id" hide an id.
    """
    if kind in _WHOLE:
        return _WHOLE[kind](offers)
    rows: list[_Row] = [msgspec.to_builtins(offer) for offer in offers or [new_offer(dice, LOWEST_PRICE * 2)]]
    least = min(rows, key=lambda row: str(row["id"]))
    if kind in _EACH_ROW:
        rows = [_EACH_ROW[kind](row, field) for row in rows]
    elif kind == "same_id_twice":
        rows.append(least | {"price": LOWEST_PRICE})
    else:
        rows[rows.index(least)] = _ONE_ROW[kind](least, field)
    return Answer(200, _encode(rows))
