"""SQL fragments of every read and roll-up of history; `domain.prices.history` and tests/specification define results.

All of it is keyed by product first. Microseconds are exact: a float holds those of 285 years.
"""

from sqlalchemy import ARRAY, TextClause, Uuid, bindparam, text

from adapters.postgres.rows import Timestamp
from domain.window import BucketWidth

TIMES = ("starts", "ends", "first_day", "aligned", "rolled", "tail_day", "judged_since")
INTERVALS = {
    BucketWidth.FIVE_MINUTES: "INTERVAL '5 minutes'",
    BucketWidth.HOUR: "INTERVAL '1 hour'",
    BucketWidth.DAY: "INTERVAL '1 day'",
}

OPEN_STEPS = """
    SELECT product_id, best_price AS price,
        CASE WHEN best_price IS NULL THEN 'out_of_stock' ELSE 'in_stock' END AS state,
        best_price_since AS valid_from, greatest(best_price_since, known_until) AS valid_to
    FROM synchronisation WHERE product_id = ANY(:ids) AND best_price_since IS NOT NULL
    UNION ALL
    SELECT product_id, NULL, 'unknown', greatest(best_price_since, known_until), 'infinity'
    FROM synchronisation WHERE product_id = ANY(:ids) AND best_price_since IS NOT NULL
"""
"""The step still in force, and the unknown time after it.

After the clock was set back, history may be ahead of the time until which the last observation is trusted.
"""


def statement(sql: str) -> TextClause:
    """Make a statement whose parameter `ids` is an array of products; those in `TIMES` are times, `bounds` is many."""
    types = {"ids": ARRAY(Uuid), "bounds": ARRAY(Timestamp)} | dict.fromkeys(TIMES, Timestamp)
    return text(sql).bindparams(*(bindparam(name, type_=kind) for name, kind in types.items() if f":{name}" in sql))


def price_at(moment: str, row: str) -> str:
    """Select the price in force at a moment whose steps are kept, null without one; `row` is of `synchronisation`.

    Steps leave no hole, so the last one to begin is the one in force.
    """
    return f"""
        CASE WHEN {row}.best_price_since <= {moment}
        THEN CASE WHEN {moment} < {row}.known_until THEN {row}.best_price END
        ELSE (
            SELECT price FROM best_price_step
            WHERE product_id = {row}.product_id
            AND valid_from <= {moment} AND valid_from >= date_trunc('day', {moment}, 'UTC')
            ORDER BY valid_from DESC LIMIT 1
        ) END
    """


def recorded(starts: str, ends: str, first_day: str) -> str:
    """Select the steps that may touch `[starts, ends)`; `first_day` is the midnight before `starts`."""
    return f"""
        SELECT product_id, price, state, valid_from, valid_to FROM best_price_step
        WHERE product_id = ANY(:ids) AND valid_from >= {first_day} AND valid_from < {ends} AND valid_to > {starts}
        UNION ALL {OPEN_STEPS}
    """


def bucketed(width: BucketWidth, starts: str = ":starts", ends: str = ":ends", first_day: str = ":first_day") -> str:
    """Select the sums of each bucket of `[starts, ends)` in which anything is recorded, clipped to that stretch.

    An empty stretch costs no read.
    """
    length = INTERVALS[width]
    return f"""
        SELECT product_id, bucket_starts AS at, bucket_ends,
            max(price) FILTER (WHERE starts = bucket_starts) AS open,
            bool_or(state <> 'unknown') FILTER (WHERE starts = bucket_starts) AS open_known,
            max(price) FILTER (WHERE ends = bucket_ends) AS close,
            min(price) AS lowest,
            (array_agg(starts ORDER BY price, starts DESC) FILTER (WHERE price IS NOT NULL))[1] AS lowest_at,
            max(price) AS highest,
            (array_agg(starts ORDER BY price DESC, starts DESC) FILTER (WHERE price IS NOT NULL))[1] AS highest_at,
            coalesce(sum(price::numeric * microseconds), 0) AS price_time,
            coalesce(sum(microseconds) FILTER (WHERE price IS NOT NULL), 0)::bigint AS in_stock,
            coalesce(sum(microseconds) FILTER (WHERE state <> 'unknown'), 0)::bigint AS known
        FROM (
            SELECT *, {microseconds("starts", "ends")} AS microseconds FROM (
                SELECT product_id, price, state,
                    greatest(valid_from, bucket, {starts}) AS starts,
                    least(valid_to, bucket + {length}, {ends}) AS ends,
                    greatest(bucket, {starts}) AS bucket_starts,
                    least(bucket + {length}, {ends}) AS bucket_ends
                FROM ({recorded(starts, ends, first_day)}) AS recorded, generate_series(
                    date_bin({length}, greatest(valid_from, {starts}), TIMESTAMPTZ 'epoch'),
                    least(valid_to, {ends}) - INTERVAL '1 microsecond',
                    {length}
                ) AS bucket
                WHERE valid_from < {ends} AND valid_to > {starts} AND {starts} < {ends}
            ) AS piece
        ) AS timed
        GROUP BY product_id, bucket_starts, bucket_ends
    """


def microseconds(starts: str, ends: str) -> str:
    """Return the length of a stretch in microseconds."""
    return f"round(date_part('epoch', {ends} - {starts}) * 1e6)::bigint"
