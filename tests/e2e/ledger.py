"""The invariants of the stored history under kills, stops and delays, checked with SQL."""

from typing import Protocol

# Stretches of one kind that overlap, repeat each other, or leave a hole; midnight UTC splits a stretch in two.
_MIDNIGHT = "valid_from = date_trunc('day', valid_from AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'"
_DOUBLED = """
    SELECT count(*) FROM (
        SELECT valid_from, lag(valid_to) OVER same AS ended FROM offer_interval
        WINDOW same AS (PARTITION BY product_id, offer_id ORDER BY valid_from, valid_to)
    ) AS neighbours WHERE ended > valid_from
"""
_OPEN_TWICE = """
    SELECT count(*) FROM offer_interval JOIN offer ON offer.product_id = offer_interval.product_id
    AND offer.id = offer_id WHERE valid_to > changed_at
"""
_TORN_STEPS = """
    SELECT count(*) FROM (
        SELECT valid_from, lag(valid_to) OVER same AS ended FROM best_price_step
        WINDOW same AS (PARTITION BY product_id ORDER BY valid_from, valid_to)
    ) AS neighbours WHERE ended <> valid_from
"""
_REPEATED_STEPS = f"""
    SELECT count(*) FROM (
        SELECT valid_from, state,
            (price, state) IS NOT DISTINCT FROM (lag(price) OVER same, lag(state) OVER same) AS repeated
        FROM best_price_step WINDOW same AS (PARTITION BY product_id ORDER BY valid_from)
    ) AS neighbours WHERE repeated AND NOT {_MIDNIGHT}
"""
_UNCONNECTED_STEPS = """
    SELECT count(*) FROM synchronisation JOIN (
        SELECT product_id, max(valid_to) AS ended FROM best_price_step GROUP BY product_id
    ) AS last USING (product_id) WHERE ended <> best_price_since
"""
_HALF_A_PRODUCT = """
    SELECT count(*) FROM product LEFT JOIN synchronisation ON product_id = id
    WHERE withdrawn_at IS NULL AND (
        product_id IS NULL OR (registration_state = 'registered') <> (scheduled_at IS NOT NULL)
    )
"""
_FORGOTTEN_BY_ROLL_UPS = """
    SELECT count(*) FROM product WHERE withdrawn_at IS NULL AND NOT EXISTS (SELECT FROM insight WHERE product_id = id)
"""
_BEST_PRICE_WITHOUT_OFFER = """
    SELECT count(*) FROM synchronisation WHERE observed_at IS NOT NULL AND best_price IS DISTINCT FROM (
        SELECT min(price) FROM offer WHERE offer.product_id = synchronisation.product_id AND sold_out_at IS NULL
    )
"""


# An offer that sold out after it was first seen was in stock before.
_LOST_INTERVALS = """
    SELECT count(*) FROM offer WHERE sold_out_at > first_seen_at AND NOT EXISTS (
        SELECT FROM offer_interval WHERE offer_interval.product_id = offer.product_id AND offer_id = offer.id
    )
"""
_LOST_STEPS = """
    SELECT count(*) FROM synchronisation
    WHERE best_price_since > (SELECT min(first_seen_at) FROM offer WHERE offer.product_id = synchronisation.product_id)
    AND NOT EXISTS (SELECT FROM best_price_step WHERE best_price_step.product_id = synchronisation.product_id)
"""


class Storage(Protocol):
    """Whoever can ask the database."""

    def number(self, sql: str) -> int:
        """Return the one number that a query finds."""


def assert_sound(storage: Storage) -> None:
    """Nothing is doubled, torn or half written."""
    faults = {
        "offer intervals that overlap": _DOUBLED,
        "ended intervals of an offer that reach into its open one": _OPEN_TWICE,
        "best-price steps that overlap or leave a hole": _TORN_STEPS,
        "best-price steps that repeat the one before": _REPEATED_STEPS,
        "best prices that do not follow on their last step": _UNCONNECTED_STEPS,
        "products that are half written": _HALF_A_PRODUCT,
        "products that nobody would roll up": _FORGOTTEN_BY_ROLL_UPS,
        "best prices that no offer has": _BEST_PRICE_WITHOUT_OFFER,
        "offers that sold out without an interval": _LOST_INTERVALS,
        "best prices that changed without a step": _LOST_STEPS,
    }
    found = {fault: count for fault, sql in faults.items() if (count := storage.number(sql))}
    assert not found, found
