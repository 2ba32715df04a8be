"""Answers to "which offers?" that no client should believe, or only in part."""

import functools
import random
import zlib
from collections.abc import Callable, Sequence
from typing import Literal, get_args

import msgspec

from entrypoints.development.offers_simulator.answers import JSON, Answer, Delivery
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
    # ids in unusual clothes
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
_BODIES: dict[MalformedKind, bytes] = {
    "empty_body": b"",
    "empty_object": b"{}",
    "null": b"null",
    "wrong_type": b'"eight offers"',
    "wrong_rows": b'["eight", "offers"]',
    "empty_list": b"[]",
    "deep_nesting": b"[" * 100_000,
}
_BAD_VALUES: dict[MalformedKind, object] = {
    "row_float": 19_999.5,
    "row_negative": -1,
    "row_bool": True,
    "row_string": "19999",
    "row_null": None,
    "row_2_63": 2**63,
    "row_1e400": msgspec.Raw(b"1e400"),
}
_ODD_IDS: dict[MalformedKind, Callable[[str], str]] = {
    "unhyphenated_ids": lambda text: text.replace("-", ""),
    "braced_ids": lambda text: "{" + text + "}",
    "upper_case_ids": str.upper,
}
_DELIVERIES: dict[MalformedKind, Delivery] = {"cut_body": "cut", "trickle": "trickle"}


def malformed_answer(kind: MalformedKind, offers: Sequence[Offer], *, field: BadField, dice: random.Random) -> Answer:
    """Spoil the answer with these offers, in their order; a single bad row is the one with the least id.

    A product without offers gets one to be spoilt. Only "row_without_id" and "row_unreadable_id" hide an id.
    """
    if kind == "html":
        return Answer(200, b"<!doctype html><title>Offers</title><h1>We will be right back</h1>", "text/html")
    if kind == "gzip_bomb":
        return Answer(200, _gzip_bomb(), JSON, {"Content-Encoding": "gzip"})
    body = _BODIES.get(kind)
    if body is None:
        body = _spoilt_whole(kind, offers)
    if body is None:
        rows: list[_Row] = [msgspec.to_builtins(offer) for offer in offers or [new_offer(dice, LOWEST_PRICE * 2)]]
        body = _encode(_spoilt_rows(kind, rows, field))
    return Answer(200, body, delivery=_DELIVERIES.get(kind, "whole"))


def _spoilt_whole(kind: MalformedKind, offers: Sequence[Offer]) -> bytes | None:
    whole = _encode(offers)
    if kind in _DELIVERIES:
        return whole
    if kind == "truncated":
        return whole[: len(whole) // 2]
    if kind == "not_utf8":
        return b'[{"id": "\xff\xfe"}]'
    if kind == "over_1_mib":
        return whole[:-1] + b" " * 2**20 + b"]"
    if kind == "too_many_offers":
        return b"[" + b",".join([*map(_encode, offers), *_strangers()][:TOO_MANY]) + b"]"
    return None


def _spoilt_rows(kind: MalformedKind, rows: list[_Row], field: BadField) -> list[_Row]:
    if kind in _ODD_IDS:
        return [row | {"id": _ODD_IDS[kind](str(row["id"]))} for row in rows]
    if kind == "all_rows_bad":
        return [row | {field: "many"} for row in rows]
    victim = min(rows, key=lambda row: str(row["id"]))
    if kind == "same_id_twice":
        return [*rows, victim | {"price": LOWEST_PRICE}]
    if kind == "row_missing":
        del victim[field]
    elif kind == "row_without_id":
        del victim["id"]
    elif kind == "row_unreadable_id":
        victim["id"] = "offer-number-seven"
    elif kind == "same_id_in_every_product":
        victim["id"] = SHARED_ID
    else:
        victim[field] = _BAD_VALUES[kind]
    return rows


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
