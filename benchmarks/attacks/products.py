"""Products with long descriptions, made by PostgreSQL itself: words of a vocabulary, of which some are common."""

from typing import Any

import psycopg

SCRIPT = """
CREATE TEMPORARY TABLE vocabulary AS
    SELECT number, CASE WHEN number % 10 = 0 THEN 'word' || number ELSE substr(md5(number::text), 1, 4 + number % 9) END
        AS word
    FROM generate_series(0, 19999) AS number;
CREATE INDEX ON vocabulary (number);
CREATE TEMPORARY TABLE texts AS
    SELECT text, left(string_agg(word, ' '), 4000) AS description, array_agg(DISTINCT word) AS words
    FROM (
        SELECT text, (20000 * power(random(), 2.5))::int % 20000 AS number
        FROM generate_series(0, 1999) AS text, generate_series(1, 560)
    ) AS picked JOIN vocabulary USING (number)
    GROUP BY text;
INSERT INTO product (id, name, description, name_folded, description_folded, created_at, updated_at, revision,
    registration_state, registration_since, words)
SELECT gen_random_uuid(), 'Product ' || number, description, 'product ' || lpad(number::text, 9, '0'), description,
    now() - number * interval '1 second', now(), 1, 'registered', now(),
    array_to_tsvector(words || ARRAY['product', number::text] || CASE
        WHEN number % 1000 = 0 THEN ARRAY['rare'] WHEN number * 2 > %(count)s THEN ARRAY['old'] ELSE ARRAY['new'] END)
FROM generate_series(1, %(count)s) AS number JOIN texts ON text = number % 2000;
INSERT INTO synchronisation (product_id, consecutive_failures, offers_in_stock) SELECT id, 0, 0 FROM product;
INSERT INTO insight (product_id, rolled_until) SELECT id, now() FROM product;
"""


def add_long_products(connection: psycopg.Connection[Any], count: int) -> None:
    """Add so many products with descriptions of 4 000 characters, and let PostgreSQL know of them."""
    script = SCRIPT.replace("%(count)s", str(count))
    connection.execute(script.encode())
    connection.execute("VACUUM ANALYZE product")
    connection.execute("VACUUM ANALYZE synchronisation")
