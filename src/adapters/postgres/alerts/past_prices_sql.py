"""Reads of ended steps for alerts: many windows in one statement, which reads no rows but those of the windows."""

from sqlalchemy import ARRAY, Uuid, bindparam, text

from adapters.postgres.prices.history_sql import microseconds
from adapters.postgres.rows import Timestamp

_WINDOWS = "unnest(:ids, :starting, :ending) WITH ORDINALITY AS asked (product_id, starts, ends, number)"
_TYPES = (
    bindparam("ids", type_=ARRAY(Uuid)),
    bindparam("starting", type_=ARRAY(Timestamp)),
    bindparam("ending", type_=ARRAY(Timestamp)),
)


def _steps(since: str, until: str) -> str:
    """Select the steps that begin between two midnights, or up to an end, and touch the window."""
    return f"""
        SELECT state, price, valid_from, valid_to FROM best_price_step
        WHERE product_id = asked.product_id
        AND valid_from >= {since} AND valid_from < {until} AND valid_from < asked.ends AND valid_to > asked.starts
    """


_FIRST_DAY = "date_trunc('day', asked.starts, 'UTC')"

STEPS = text(f"""
    SELECT number, state, price, valid_from, valid_to
    FROM {_WINDOWS} CROSS JOIN LATERAL ({_steps(_FIRST_DAY, "asked.ends")}) AS step
    ORDER BY number, valid_from
""").bindparams(*_TYPES)

# Whole days that are rolled up are read as buckets, so that a month of a price that moves every minute is no more than
# two days of steps and a month of days.
PRICES = text(f"""
    SELECT summed.lowest, summed.highest, coalesce(summed.known, 0)::bigint
    FROM {_WINDOWS}
    LEFT JOIN insight ON insight.product_id = asked.product_id
    CROSS JOIN LATERAL (
        SELECT {_FIRST_DAY} + CASE WHEN asked.starts > {_FIRST_DAY} THEN INTERVAL '1 day' ELSE INTERVAL '0' END AS whole
    ) AS first
    CROSS JOIN LATERAL (
        SELECT greatest(
            first.whole, least(coalesce(insight.rolled_until, first.whole), date_trunc('day', asked.ends, 'UTC'))
        ) AS rolled
    ) AS last
    CROSS JOIN LATERAL (
        SELECT min(lowest) AS lowest, max(highest) AS highest, sum(known) AS known FROM (
            SELECT price AS lowest, price AS highest, CASE WHEN state <> 'unknown' THEN
                {microseconds("greatest(valid_from, asked.starts)", "least(valid_to, asked.ends)")} ELSE 0 END AS known
            FROM (
                {_steps(_FIRST_DAY, "first.whole")}
                UNION ALL {_steps("last.rolled", "asked.ends")}
            ) AS step
            UNION ALL
            SELECT lowest, highest, known FROM best_price_bucket_1d
            WHERE product_id = asked.product_id AND at >= first.whole AND at < last.rolled
        ) AS part
    ) AS summed
    ORDER BY number
""").bindparams(*_TYPES)
