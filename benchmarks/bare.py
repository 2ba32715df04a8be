"""The practical limit of a read: a bare ASGI app, one prepared statement, PostgreSQL builds the JSON."""

import os
from typing import Any

import asyncpg

DETAIL = """
    SELECT json_build_object('id', p.id, 'name', p.name, 'description', p.description, 'offers',
        (SELECT json_agg(json_build_object('id', o.id, 'price', o.price, 'items_in_stock', o.items_in_stock)
                         ORDER BY o.price) FROM offer o WHERE o.product_id = p.id AND o.sold_out_at IS NULL))::text
    FROM product p WHERE p.id = $1 AND p.withdrawn_at IS NULL
"""
PAGE = """
    SELECT json_agg(page)::text FROM (
        SELECT p.id, p.name, p.description, p.created_at, s.best_price, s.offers_in_stock
        FROM product p JOIN synchronisation s ON s.product_id = p.id
        WHERE p.withdrawn_at IS NULL ORDER BY p.created_at DESC, p.id DESC LIMIT $1) AS page
"""
JSON = [(b"content-type", b"application/json")]


class Bare:
    """ASGI application with two routes, found by whether the path goes below /products."""

    pool: "asyncpg.Pool[asyncpg.Record]"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        product_id = scope["path"].removeprefix("/products").strip("/")
        async with self.pool.acquire() as connection:
            if product_id:
                body = await connection.fetchval(DETAIL, product_id)
            else:
                body = await connection.fetchval(PAGE, int(scope["query_string"].removeprefix(b"limit=")))
        await send({"type": "http.response.start", "status": 200, "headers": JSON})
        await send({"type": "http.response.body", "body": body.encode()})

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=10, max_size=10)
        self.pool = pool
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await pool.close()
        await send({"type": "lifespan.shutdown.complete"})


app = Bare()
