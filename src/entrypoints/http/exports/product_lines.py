"""Products as lines: the JSON of each, or a row of a table."""

from collections.abc import Sequence

import msgspec

from entrypoints.http.exports.csv_lines import Cell, csv_lines
from entrypoints.http.exports.parameters import CSV, NDJSON, example
from entrypoints.http.products import examples

_COLUMNS = (
    *("id", "name", "description", "created_at", "updated_at", "revision"),
    *("registration_state", "registration_since", "registration_detail"),
    *("best_offer_id", "best_offer_price", "best_offer_items_in_stock"),
    *("offers_in_stock", "observed_at", "stale"),
)


class _Registration(msgspec.Struct):
    state: str
    since: str
    detail: str | None


class _BestOffer(msgspec.Struct):
    id: str
    price: int
    items_in_stock: int


class _Product(msgspec.Struct):
    """A ProductView whose times and ids stay the texts that they are."""

    id: str
    name: str
    description: str
    created_at: str
    updated_at: str
    revision: int
    registration: _Registration
    best_offer: _BestOffer | None
    offers_in_stock: int
    observed_at: str | None
    stale: bool


HEADER = csv_lines([_COLUMNS], raw=True)
_DECODER = msgspec.json.Decoder(_Product)


def ndjson_of_products(products: Sequence[bytes]) -> bytes:
    """Write each product's JSON on a line of its own."""
    return b"\n".join(products) + b"\n"


def csv_of_products(products: Sequence[bytes], *, raw: bool) -> bytes:
    """Write each product's JSON as a row."""
    return csv_lines((_row(_DECODER.decode(each)) for each in products), raw=raw)


def _row(product: _Product) -> Sequence[Cell]:
    best = product.best_offer
    return (
        product.id,
        product.name,
        product.description,
        product.created_at,
        product.updated_at,
        product.revision,
        product.registration.state,
        product.registration.since,
        product.registration.detail,
        *((None, None, None) if best is None else (best.id, best.price, best.items_in_stock)),
        product.offers_in_stock,
        product.observed_at,
        "true" if product.stale else "false",
    )


NDJSON_EXAMPLE = example("The products", NDJSON, ndjson_of_products([examples.LINE]))
CSV_EXAMPLE = example("The products as a table", CSV, HEADER + csv_of_products([examples.LINE], raw=False))
