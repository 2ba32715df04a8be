"""A PostgreSQL that has ended is started again, until it does not start any more."""

import asyncio
from typing import cast

import pytest

from entrypoints.development.embedded_postgres.server import EmbeddedPostgres, EmbeddedPostgresError
from entrypoints.development.keeping import ATTEMPTS, keep_running


class Server:
    """A server that is found ended at every look, and starts or not as its list says, then never."""

    def __init__(self, *starts: bool) -> None:
        self.left = list(starts)
        self.started = 0

    def running(self) -> bool:
        return False

    def start(self) -> str:
        self.started += 1
        if not (self.left and self.left.pop(0)):
            raise EmbeddedPostgresError("PostgreSQL does not start")
        return "dsn"


@pytest.mark.parametrize("starts", [(), (True,), (False,) * (ATTEMPTS - 1) + (True,)])
async def test_it_is_given_up_after_ten_failed_starts_in_a_row(starts: tuple[bool, ...]) -> None:
    server = Server(*starts)
    with pytest.raises(EmbeddedPostgresError):
        await keep_running(cast("EmbeddedPostgres", server), every=0)
    assert server.started == len(starts) + ATTEMPTS


async def test_it_is_not_left_starting_when_the_keeping_ends() -> None:
    loop = asyncio.get_running_loop()
    reached, go_on, ended = asyncio.Event(), asyncio.Event(), False

    class Slow(Server):
        def start(self) -> str:
            nonlocal ended
            loop.call_soon_threadsafe(reached.set)
            asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
            ended = True
            return "dsn"

    keeping = asyncio.create_task(keep_running(cast("EmbeddedPostgres", Slow()), every=0))
    await reached.wait()
    keeping.cancel()
    loop.call_soon(go_on.set)
    await asyncio.wait([keeping])
    assert ended
