"""SQL that sums single offers' prices between bounds; `domain.prices.history` and tests/specification define results.

Ended days are rolled up by the hour (`offer_bucket_1h`). The time before and behind the whole hours is summed from
intervals. For that, time is cut once, at the bounds and where the product begins or ceases to be known, so that nearly
every interval lies within one cell. An offer that did not change across a gap has one interval across it, of which only
the known cells count. In an interval without a price the offer alone is unknown.

All of it is keyed by product first. The whole hours lie in `[:aligned, :rolled)`; without any, both are `:ends`.
"""

from sqlalchemy import TextClause

from adapters.postgres.prices.history_sql import recorded, statement

SUMS = "open, close, lowest, lowest_at, highest, highest_at, price_time, in_stock"


def _us(at: str) -> str:
    """Return a time as microseconds: exact, as a float holds those of 285 years."""
    return f"round(date_part('epoch', {at}) * 1e6)::bigint"


def _time(us: str) -> str:
    return f"TIMESTAMPTZ 'epoch' + {us} * INTERVAL '1 microsecond'"


def _ended(starts: str, ends: str, first_day: str) -> str:
    return f"""
        SELECT product_id, offer_id, price, greatest(valid_from, {starts}) AS valid_from,
            least(valid_to, {ends}) AS valid_to
        FROM offer_interval
        WHERE product_id = ANY(:ids) AND valid_from >= {first_day} AND valid_from < {ends} AND valid_to > {starts}
    """


_HEAD, _TAIL = (":starts", ":aligned", ":first_day"), (":rolled", ":ends", ":tail_day")
_INTERVALS = f"""
    {_ended(*_HEAD)} UNION ALL {_ended(*_TAIL)}
    UNION ALL
    SELECT product_id, id, price, greatest(changed_at, :starts), least(known_until, :ends) FROM offer
    WHERE product_id = ANY(:ids) AND sold_out_at IS NULL AND changed_at < :ends
    AND (known_until IS NULL OR known_until > greatest(changed_at, :starts))
    UNION ALL
    SELECT product_id, id, NULL, greatest(known_until, :starts), :ends FROM offer
    WHERE product_id = ANY(:ids) AND known_until < :ends
"""
# A cell is known time of a product that lies in one part: between two bounds, before or behind the whole hours, and in
# one day, because intervals are split at midnight without a change of price.
_CELLS = f"""
    known AS MATERIALIZED (
        SELECT product_id, range_agg(tstzrange(valid_from, valid_to))
            * tstzmultirange(tstzrange(:starts, :aligned), tstzrange(:rolled, :ends)) AS stretches
        FROM ({recorded(*_HEAD)} UNION ALL {recorded(*_TAIL)}) AS recorded WHERE state <> 'unknown' GROUP BY product_id
    ),
    edge AS MATERIALIZED (
        SELECT product_id, array_agg(at ORDER BY at) AS edges FROM (
            SELECT product_id, unnest(:bounds) AS at FROM known
            UNION SELECT product_id, generate_series(:first_day, :ends, INTERVAL '1 day') FROM known
            UNION SELECT product_id, lower(stretch) FROM known, unnest(stretches) AS stretch
            UNION SELECT product_id, upper(stretch) FROM known, unnest(stretches) AS stretch
        ) AS each GROUP BY product_id
    ),
    cell AS MATERIALIZED (
        SELECT product_id, cell, place, {_us("edges[cell]")} AS begins, {_us("edges[cell + 1]")} AS ceases,
            {_us("greatest((:bounds)[place], midnight, CASE WHEN edges[cell] >= :rolled THEN :rolled END)")}
                AS part_begins,
            least(
                {_us("least((:bounds)[place + 1], midnight + INTERVAL '1 day')")},
                CASE WHEN edges[cell] < :rolled THEN {_us(":aligned")} END
            ) AS part_ceases
        FROM edge JOIN known USING (product_id), generate_series(1, cardinality(edges) - 1) AS cell,
            width_bucket(edges[cell], :bounds) AS place, date_trunc('day', edges[cell], 'UTC') AS midnight
        WHERE stretches @> edges[cell]
    )
"""


def _from_intervals(offer: str = "TRUE") -> str:
    return f"""
        SELECT product_id, offer_id, place, {_time("part_begins")} AS starts, {_time("part_ceases")} AS ends,
            open, close, low[1] AS lowest, {_time("-low[2]")} AS lowest_at,
            high[1] AS highest, {_time("high[2]")} AS highest_at, price_time, in_stock, unknown
        FROM (
            SELECT product_id, offer_id, place, part_begins, part_ceases,
                max(price) FILTER (WHERE begins = part_begins) AS open,
                max(price) FILTER (WHERE ceases = part_ceases) AS close,
                min(ARRAY[price, -begins]) FILTER (WHERE price IS NOT NULL) AS low,
                max(ARRAY[price, begins]) FILTER (WHERE price IS NOT NULL) AS high,
                coalesce(sum(price::numeric * (ceases - begins)), 0) AS price_time,
                coalesce(sum(ceases - begins) FILTER (WHERE price IS NOT NULL), 0)::bigint AS in_stock,
                coalesce(sum(ceases - begins) FILTER (WHERE price IS NULL), 0)::bigint AS unknown
            FROM (
                SELECT product_id, offer_id, price, place, part_begins, part_ceases,
                    greatest({_us("valid_from")}, begins) AS begins, least({_us("valid_to")}, ceases) AS ceases
                FROM (
                    SELECT product_id, offer_id, price, valid_from, valid_to, generate_series(
                        width_bucket(valid_from, edges), width_bucket(valid_to - INTERVAL '1 microsecond', edges)
                    ) AS cell
                    FROM ({_INTERVALS}) AS of_offers JOIN edge USING (product_id) WHERE {offer}
                ) AS placed JOIN cell USING (product_id, cell)
            ) AS piece
            GROUP BY product_id, offer_id, place, part_begins, part_ceases
        ) AS summed
    """


def _reached(price: str, order: str) -> str:
    """A price that was in force already as a part began was not reached in it, but in the part before."""
    return f"""
        (array_agg({price}_at ORDER BY {price} {order}, {price}_at DESC) FILTER (
            WHERE {price} IS NOT NULL AND ({price}_at = starts AND follows AND before = {price}) IS NOT TRUE
        ))[1]
    """


def _parts(offer: str = "TRUE") -> str:
    return f"""
        {_CELLS},
        known_time AS (
            SELECT place, sum(microseconds)::bigint AS known FROM (
                SELECT place, ceases - begins AS microseconds FROM cell
                UNION ALL
                SELECT width_bucket(at, :bounds), known FROM best_price_bucket_1h
                WHERE product_id = ANY(:ids) AND at >= :aligned AND at < :rolled
            ) AS part GROUP BY place
        ),
        part AS (
            {_from_intervals(offer)}
            UNION ALL
            SELECT product_id, offer_id, width_bucket(at, :bounds), at, at + INTERVAL '1 hour', {SUMS}, unknown
            FROM offer_bucket_1h WHERE product_id = ANY(:ids) AND at >= :aligned AND at < :rolled AND {offer}
        )
    """


_TOTALS = """
    max(open) FILTER (WHERE starts = (:bounds)[place]) AS open,
    max(close) FILTER (WHERE ends = (:bounds)[place + 1]) AS close,
    min(lowest) AS lowest, max(highest) AS highest,
    sum(price_time) AS price_time, sum(in_stock)::bigint AS in_stock, sum(unknown)::bigint AS unknown
"""
ALL_OFFERS: TextClause = statement(f"""
    WITH {_parts()},
    summed AS (
        SELECT offer_id, place, {_TOTALS} FROM part
        GROUP BY offer_id, place HAVING sum(in_stock) > 0 ORDER BY place LIMIT :limit
    )
    SELECT offer_id, place, open, close, lowest, (:bounds)[place], highest, (:bounds)[place], price_time, in_stock,
        known - unknown
    FROM summed JOIN known_time USING (place) ORDER BY place
""")
# The parts are added up as `domain.prices.history.joined` does.
ONE_OFFER: TextClause = statement(f"""
    WITH {_parts("offer_id = :offer_id")},
    linked AS (
        SELECT *, starts = lag(ends) OVER earlier AS follows, lag(close) OVER earlier AS before
        FROM part WINDOW earlier AS (PARTITION BY place ORDER BY starts)
    ),
    summed AS (
        SELECT place, {_TOTALS}, {_reached("lowest", "ASC")} AS lowest_at, {_reached("highest", "DESC")} AS highest_at
        FROM linked GROUP BY place
    )
    SELECT open, close, lowest, lowest_at, highest, highest_at, coalesce(price_time, 0), coalesce(in_stock, 0),
        known - coalesce(unknown, 0)
    FROM known_time LEFT JOIN summed USING (place)
""")
ROLL_UP: TextClause = statement(f"""
    WITH {_CELLS}
    INSERT INTO offer_bucket_1h (product_id, offer_id, at, {SUMS}, unknown)
    SELECT product_id, offer_id, starts, {SUMS}, unknown FROM ({_from_intervals()}) AS hour
    ORDER BY product_id, offer_id, starts
""")
