"""The practical limits: a bare ASGI application that does one thing for a request, with nothing around it.

A read is one prepared statement whose JSON PostgreSQL builds, with the API's fields; a create commits one INSERT; a
login checks one password in a thread.
"""

import asyncio
import os
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
from argon2 import PasswordHasher

CONNECTIONS = 10
_PRODUCT = """
    p.id, p.name, p.description, p.created_at, p.updated_at, p.revision,
    json_build_object('state', p.registration_state, 'since', p.registration_since,
                      'detail', p.registration_detail) AS registration,
    CASE WHEN s.best_offer_id IS NOT NULL THEN json_build_object(
        'id', s.best_offer_id, 'price', s.best_price, 'items_in_stock', s.best_offer_items_in_stock) END AS best_offer,
    s.offers_in_stock, s.observed_at, coalesce(s.known_until < now(), false) AS stale
"""
_FROM = "FROM product p JOIN synchronisation s ON s.product_id = p.id WHERE p.withdrawn_at IS NULL"
DETAIL = f"""
    SELECT row_to_json(detail)::text FROM (
        SELECT {_PRODUCT}, (SELECT json_agg(each) FROM (
            SELECT o.id, o.price, o.items_in_stock, o.first_seen_at, o.changed_at FROM offer o
            WHERE o.product_id = p.id AND o.sold_out_at IS NULL ORDER BY o.price, o.id) AS each) AS offers
        {_FROM} AND p.id = $1) AS detail
"""  # noqa: S608
PAGE = f"""
    SELECT json_build_object('items', json_agg(page))::text FROM (
        SELECT {_PRODUCT}, null AS change {_FROM} ORDER BY p.created_at DESC, p.id DESC LIMIT $1) AS page
"""  # noqa: S608
CREATE = """
    INSERT INTO bare_product (id, name, description, name_folded, description_folded, created_at, updated_at, revision,
                         registration_state, registration_since)
    VALUES ($1, $2, $3, lower($2), lower($3), now(), now(), 1, 'pending', now())
"""
JSON = (b"content-type", b"application/json")


class Bare:
    """ASGI application whose routes are told apart by as little as possible."""

    pool: "asyncpg.Pool[asyncpg.Record]"

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._hash = self._hasher.hash(os.environ["ADMIN_PASSWORD"])

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        status = 200
        if scope["method"] == "GET":
            body = await self._read(scope["path"].removeprefix("/products/"), scope["query_string"])
        else:
            given = msgspec.json.decode((await receive())["body"])
            if scope["path"] == "/login":
                await asyncio.to_thread(self._hasher.verify, self._hash, given["password"])
                body = b"{}"
            else:
                status, body = 201, await self._create(given)
        headers = [JSON, (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _read(self, product_id: str, query: bytes) -> bytes:
        async with self.pool.acquire() as connection:
            if query:
                found = await connection.fetchval(PAGE, int(query.removeprefix(b"limit=")))
            else:
                found = await connection.fetchval(DETAIL, product_id)
        return bytes(found.encode())

    async def _create(self, given: dict[str, str]) -> bytes:
        id = uuid4()
        async with self.pool.acquire() as connection:
            await connection.execute(CREATE, id, given["name"], given["description"])
        return msgspec.json.encode({"id": id, **given})

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        self.pool = await asyncpg.create_pool(
            os.environ["DATABASE_URL"],
            min_size=CONNECTIONS,
            max_size=CONNECTIONS,
            reset=_leave_as_it_is,
            server_settings={"timezone": "UTC"},
        )
        # With all indexes of the API's own, but out of its way: a product is more than that row.
        await self.pool.execute("CREATE TABLE IF NOT EXISTS bare_product (LIKE product INCLUDING ALL)")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.pool.close()
        await send({"type": "lifespan.shutdown.complete"})


async def _leave_as_it_is(_: object) -> None:
    """Spare each release the RESET that asyncpg sends otherwise; the API sends none."""


app = Bare()
