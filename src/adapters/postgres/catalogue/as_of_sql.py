"""The SQL of reads of a past time. History is keyed by product first, and each read opens only the days that it needs.

`:at` is the time, `:day` the midnight (UTC) before it. A step or an interval in force then lies in that day, or is
still open.
"""

import re
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Integer, Interval, Text, TextClause, Uuid, bindparam, text
from sqlalchemy.types import TypeEngine

from adapters.postgres.rows import Timestamp
from application.catalogue.listing import ProductOrder, SortKey

DAYS_BACK = 7
"""Midnights over which an offer's price is followed back, to find when it began."""

_PARAMETERS: dict[str, TypeEngine[Any]] = {
    **dict.fromkeys(("at", "day", "first_day", "after_created_at"), Timestamp),
    **dict.fromkeys(("kept", "settles", "longest_lease"), Interval()),
    **dict.fromkeys(("after_id", "product_id"), Uuid()),
    **dict.fromkeys(("words", "registration", "after_name"), Text()),
    **dict.fromkeys(("min_price", "max_price", "after_price"), BigInteger()),
    **dict.fromkeys(("looked_at", "limit_and_one"), Integer()),
    "ids": ARRAY(Uuid()),
}

_TEXTS = """
    product.id, name, description, created_at, updated_at, revision, registration_state, registration_since,
    registration_detail
"""

# The step in force of a row of `synchronisation`; none before the first. Steps leave no hole.
_STEP = """
    SELECT CASE WHEN :at >= greatest(best_price_since, known_until) THEN 'unknown'
            WHEN best_price IS NULL THEN 'out_of_stock' ELSE 'in_stock' END AS state,
        CASE WHEN :at < greatest(best_price_since, known_until) THEN best_price END AS price,
        best_price_since AS valid_from
    WHERE best_price_since <= :at
    UNION ALL (
        SELECT step.state, step.price, step.valid_from FROM best_price_step AS step
        WHERE best_price_since > :at AND step.product_id = synchronisation.product_id
        AND step.valid_from <= :at AND step.valid_from >= :day
        ORDER BY step.valid_from DESC LIMIT 1
    )
"""

# The offers in stock of a row of `synchronisation`, unless its product is unknown. `open` ones are in stock still.
_IN_STOCK = """
    SELECT offer_id, price, valid_from, FALSE AS open FROM offer_interval AS ended
    WHERE ended.product_id = synchronisation.product_id
    AND valid_from >= :day AND valid_from <= :at AND valid_to > :at AND price IS NOT NULL
    UNION ALL
    SELECT id, price, changed_at, TRUE FROM offer
    WHERE offer.product_id = synchronisation.product_id
    AND sold_out_at IS NULL AND changed_at <= :at AND (offer.known_until IS NULL OR offer.known_until > :at)
"""

# The beginning of a price: pieces that midnights have cut off are joined to it. Null if that is too long ago.
_BEGAN = f"""
    WITH RECURSIVE piece AS (
        SELECT in_stock.valid_from, 0 AS days
        UNION ALL
        SELECT before.valid_from, days + 1 FROM piece CROSS JOIN LATERAL (
            SELECT valid_from FROM offer_interval AS before
            WHERE before.product_id = synchronisation.product_id AND before.offer_id = in_stock.offer_id
            AND before.valid_from < piece.valid_from
            AND before.valid_from >= piece.valid_from - INTERVAL '24 hours'
            AND before.valid_to = piece.valid_from AND before.price = in_stock.price
            LIMIT 1
        ) AS before
        WHERE NOT in_stock.open AND days < {DAYS_BACK}
        AND piece.valid_from = date_trunc('day', piece.valid_from, 'UTC')
    )
    SELECT CASE WHEN in_stock.open OR min(valid_from) > date_trunc('day', min(valid_from), 'UTC')
        THEN min(valid_from) END AS changed_at
    FROM piece
"""

# The offers that sold out in the time `:kept` before. After a gap an offer is found sold out where the gap ends.
_SOLD_OUT = """
    SELECT offer_id, price, changed_at FROM (
        SELECT offer_id, max(valid_to) AS gone_at,
            (array_agg(price ORDER BY valid_from DESC) FILTER (WHERE price IS NOT NULL))[1] AS price
        FROM (
            SELECT offer_id, price, valid_from, valid_to FROM offer_interval AS ended
            WHERE ended.product_id = synchronisation.product_id AND valid_from >= :first_day AND valid_from <= :at
            UNION ALL
            SELECT id, NULL, changed_at, 'infinity' FROM offer
            WHERE offer.product_id = synchronisation.product_id AND changed_at <= :at
            AND (sold_out_at IS NULL OR offer.known_until IS NOT NULL)
        ) AS piece
        GROUP BY offer_id
    ) AS gone
    CROSS JOIN LATERAL (
        SELECT coalesce(
            CASE WHEN EXISTS (
                SELECT FROM best_price_step AS gap WHERE gap.product_id = synchronisation.product_id
                AND gap.valid_from = gone_at AND gap.state = 'unknown'
            ) THEN least(
                (
                    SELECT min(step.valid_from) FROM best_price_step AS step
                    WHERE step.product_id = synchronisation.product_id
                    AND step.valid_from > gone_at AND step.valid_from <= :at AND step.state <> 'unknown'
                ),
                CASE WHEN best_price_since > gone_at THEN best_price_since END
            ) END,
            gone_at
        ) AS changed_at
    ) AS found
    WHERE gone_at <= :at AND price IS NOT NULL AND changed_at > :at - :kept
"""


def one(*, sold_out_too: bool) -> TextClause:
    """Return the statement that reads one product: a row for each offer shown, or one without."""
    sold_out = f"UNION ALL SELECT TRUE, gone.*, NULL FROM ({_SOLD_OUT}) AS gone" if sold_out_too else ""
    return _statement(f"""
        SELECT {_TEXTS}, observed_at, step.state, step.valid_from AS step_from,
            shown.sold_out, shown.offer_id, shown.price, shown.changed_at, shown.piece_from, seen.first_seen_at
        FROM product JOIN synchronisation ON product_id = product.id
        LEFT JOIN LATERAL ({_STEP}) AS step ON TRUE
        LEFT JOIN LATERAL (
            SELECT FALSE AS sold_out, offer_id, price, changed_at, in_stock.valid_from AS piece_from
            FROM ({_IN_STOCK}) AS in_stock CROSS JOIN LATERAL ({_BEGAN}) AS began
            {sold_out}
        ) AS shown ON step.state <> 'unknown'
        LEFT JOIN offer AS seen
            ON seen.product_id = product.id AND seen.id = shown.offer_id AND seen.first_seen_at <= :at
        WHERE product.id = :product_id AND withdrawn_at IS NULL AND created_at <= :at
        ORDER BY sold_out, price, offer_id
    """)


_KEYS = {SortKey.NAME: "name_folded", SortKey.CREATED_AT: "created_at", SortKey.PRICE: "price"}
_OF_TODAY = {
    "words": "words @@ (SELECT CAST(:words AS tsquery))",
    "ids": "id = ANY((SELECT :ids)::uuid[])",
    "registration": "registration_state = :registration",
}
_LOOKED_UP = frozenset({"words", "ids"})
OF_THEN = {
    "in_stock": "step.state = 'in_stock'",
    "min_price": "step.price >= :min_price",
    "max_price": "step.price <= :max_price",
}
"""The conditions of filters by past facts."""


@cache
def page(order: ProductOrder, filters: frozenset[str], *, behind: bool, behind_null: bool) -> TextClause:
    """Return the statement that reads a page: a row for each product of it, or one without.

    It takes `:looked_at` products by their facts of today, and then those of them that fit by their past facts. It
    reads the offers of the page alone. Nothing can change any more if `settled` and every product was observed later.
    """
    direction, sign = ("DESC", "<") if order.descending else ("ASC", ">")
    key, by_price = _KEYS[order.key], order.key is SortKey.PRICE
    # With NULLS LAST a descending order would not be that of an index.
    ordered = f"key {direction}{' NULLS LAST' if by_price else ''}, id {direction}"
    today = [
        "withdrawn_at IS NULL",
        "created_at <= :at",
        *(_OF_TODAY[name] for name in sorted(filters & _OF_TODAY.keys())),
    ]
    then = [OF_THEN[name] for name in sorted(filters & OF_THEN.keys())]
    if behind_null:
        then.append(f"(step.price IS NULL AND id {sign} :after_id)")
    elif behind and by_price:
        then.append(f"((step.price, id) {sign} (:after_price, :after_id) OR step.price IS NULL)")
    elif behind:
        today.append(f"({key}, id) {sign} (:after_{order.key}, :after_id)")
    candidates = f"SELECT id, {'NULL::bigint' if by_price else key} AS key FROM product WHERE {' AND '.join(today)}"
    if filters & _LOOKED_UP:
        # OFFSET 0 keeps PostgreSQL from walking the index of the order instead.
        candidates = f"SELECT * FROM ({candidates} OFFSET 0) AS found"
    return _statement(f"""
        WITH candidate AS MATERIALIZED ({candidates} ORDER BY {ordered} LIMIT :looked_at),
        placed AS MATERIALIZED (
            SELECT id, {"step.price" if by_price else "key"} AS key, step.state, step.price, step.valid_from
            FROM candidate JOIN synchronisation ON product_id = id LEFT JOIN LATERAL ({_STEP}) AS step ON TRUE
            WHERE {" AND ".join(then) or "TRUE"}
            ORDER BY {ordered} LIMIT :limit_and_one
        )
        SELECT looked.*, last.*, shown.* FROM (
            SELECT (SELECT count(*) FROM candidate) AS looked_at,
                :at <= now() - :settles AND NOT EXISTS (
                    SELECT FROM synchronisation WHERE lease_id IS NOT NULL AND lease_until <= :at + :longest_lease
                    AND (observed_at IS NULL OR observed_at <= :at)
                ) AS settled
        ) AS looked
        LEFT JOIN (SELECT key AS last_key, id AS last_id FROM candidate
            ORDER BY key {_REVERSED[direction]}, id {_REVERSED[direction]} LIMIT 1) AS last ON TRUE
        LEFT JOIN (
            SELECT {_TEXTS}, placed.key, observed_at, placed.state, placed.valid_from AS step_from, of_then.*
            FROM placed JOIN product ON product.id = placed.id JOIN synchronisation ON product_id = placed.id
            LEFT JOIN LATERAL (
                SELECT count(*) AS offers_in_stock, min(price) AS best_price, max(valid_from) AS piece_from,
                    (array_agg(offer_id ORDER BY price, offer_id))[1] AS best_offer_id
                FROM ({_IN_STOCK}) AS in_stock
            ) AS of_then ON placed.state <> 'unknown'
        ) AS shown ON TRUE
        ORDER BY {ordered}
    """)


_REVERSED = {"ASC": "DESC", "DESC": "ASC"}


def _statement(sql: str) -> TextClause:
    used = [bindparam(name, type_=type_) for name, type_ in _PARAMETERS.items() if re.search(rf":{name}\b", sql)]
    return text(sql).bindparams(*used)
