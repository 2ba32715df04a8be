"""Idempotency-Key: how it is read, and the answer in the form in which it is kept for the next time."""

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec
from litestar import Request
from litestar.response.base import ASGIResponse

from application.catalogue.registration import RegisterProduct, RegisterProductOnce
from application.catalogue.views import view_of_new
from domain.product import Product
from entrypoints.http.conditional_reads import describe
from entrypoints.http.problems.mapping import InvalidHeader
from entrypoints.http.products.etags import etag

IDEMPOTENCY_KEY = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"


@dataclass(frozen=True, slots=True)
class Registering:
    """Both ways to register a product; one thing, because Litestar gives several by starting tasks."""

    register: RegisterProduct
    register_once: RegisterProductOnce


_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def read_key(request: Request[Any, Any, Any]) -> bytes | None:
    """Return a digest of the key and of the admin whose it is; None without a key.

    Raises:
        InvalidHeader
    """
    lines = request.headers.getall(IDEMPOTENCY_KEY, [])
    if not lines:
        return None
    key = ", ".join(lines)
    if not _KEY.fullmatch(key):
        raise InvalidHeader(IDEMPOTENCY_KEY, "The key must be 1 to 255 visible ASCII characters.")
    return sha256(f"{key} {request.scope['state']['subject']}".encode()).digest()


def digest_request(data: msgspec.Struct) -> bytes:
    """Return a digest of what is asked for, however it is written."""
    return sha256(msgspec.json.encode(data)).digest()


class Created(msgspec.Struct, frozen=True):
    """The answer to creating a product, in the form in which it is kept."""

    status: int
    location: str
    etag: str
    body: msgspec.Raw

    @classmethod
    def of(cls, product: Product) -> "Created":
        """Return the answer to creating this product."""
        view = view_of_new(product)
        return cls(201, f"/products/{view.id}", etag(view), msgspec.Raw(msgspec.json.encode(view)))


def write_created(product: Product) -> bytes:
    """Return the answer to creating this product as it is kept."""
    return msgspec.json.encode(Created.of(product))


def read_created(written: bytes) -> Created:
    """Return an answer that was kept."""
    return msgspec.json.decode(written, type=Created)


def answer_created(created: Created, *, replayed: bool = False) -> ASGIResponse:
    """Give the answer, for the first time or once more."""
    headers = {"Location": created.location} | describe(created.etag, None) | ({REPLAYED: "true"} if replayed else {})
    return ASGIResponse(body=bytes(created.body), status_code=created.status, headers=headers)
