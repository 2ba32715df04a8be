"""The payloads of the Offers service, and the rules for answers with malformed rows."""

from typing import Annotated
from uuid import UUID

import msgspec

from application.synchronisation.offers_gateway import AnswerRefused
from domain.offer import ObservedOffers, Offer

MOST_OFFERS = 10_000

# The range of a BIGINT. msgspec takes no float, bool or string for an int, not even 1.0.
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class TokenPayload(msgspec.Struct, frozen=True):
    """The answer to POST /auth."""

    access_token: str


class RegistrationPayload(msgspec.Struct, frozen=True):
    """The body of POST /products/register."""

    id: UUID
    name: str
    description: str


class OfferPayload(msgspec.Struct, frozen=True, gc=False):
    """One row of the answer about a product's offers; the id is any 128 bits, not an RFC 4122 UUID."""

    id: UUID
    price: Count
    items_in_stock: Count


class _IdPayload(msgspec.Struct, frozen=True, gc=False):
    id: UUID


_whole = msgspec.json.Decoder(list[OfferPayload])
_rows = msgspec.json.Decoder(list[msgspec.Raw])
_row = msgspec.json.Decoder(OfferPayload)
_id = msgspec.json.Decoder(_IdPayload)
_any = msgspec.json.Decoder()

# Deep nesting raises a RecursionError, text that is not UTF-8 an UnicodeDecodeError.
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def read_offers(body: bytes) -> ObservedOffers:
    """Decode an answer; malformed rows are refused and counted, the others are kept.

    Raises:
        AnswerRefused: the answer is no list of offers, the list is too long, or every row is malformed.
    """
    try:
        rows = _whole.decode(body)
    except _UNREADABLE:
        return _read_rows(body)
    _check_length(len(rows))
    return ObservedOffers({row.id: Offer(row.id, row.price, row.items_in_stock) for row in rows})


def _read_rows(body: bytes) -> ObservedOffers:
    try:
        body.decode()
        rows = _rows.decode(body)
    except _UNREADABLE:
        raise AnswerRefused("the answer is not a list of offers") from None
    _check_length(len(rows))
    offers: dict[UUID, Offer] = {}
    unreadable: set[UUID] = set()
    refused = hidden = 0
    for raw in rows:
        try:
            row = _row.decode(raw)
        except _UNREADABLE:
            refused += 1
            id = _readable_id(raw)
            if id is None:
                hidden += 1
            else:
                unreadable.add(id)
                offers.pop(id, None)  # the last row of an id counts
        else:
            offers[row.id] = Offer(row.id, row.price, row.items_in_stock)
            unreadable.discard(row.id)
    if refused == len(rows):
        raise AnswerRefused("every row of the answer is malformed")
    return ObservedOffers(offers, frozenset(unreadable), complete=not hidden, refused=refused)


def _readable_id(raw: msgspec.Raw) -> UUID | None:
    try:
        return _id.decode(raw).id
    except _UNREADABLE:
        return None


def _check_length(rows: int) -> None:
    if rows > MOST_OFFERS:
        raise AnswerRefused(f"the answer has more than {MOST_OFFERS} offers")


def read_detail(body: bytes | None) -> str:
    """Return the reason in a refusal's body, printable and on one line; empty if there is none."""
    try:
        answer = _any.decode(body or b"")
    except _UNREADABLE:
        return ""
    detail = answer.get("detail") if isinstance(answer, dict) else None
    return " ".join("".join(char if char.isprintable() else " " for char in _text_of(detail)).split())


def _text_of(detail: object) -> str:
    """Read a detail as FastAPI writes it: a text, or validation errors, whose `input` is left out."""
    if not isinstance(detail, list):
        return detail if isinstance(detail, str) else ""
    parts = []
    for item in detail:
        if isinstance(item, dict) and isinstance(item.get("msg"), str):
            place = item.get("loc")
            names = [str(name) for name in place] if isinstance(place, list) else []
            parts.append(f"{'.'.join(names)}: {item['msg']}" if names else item["msg"])
    return "; ".join(parts)
