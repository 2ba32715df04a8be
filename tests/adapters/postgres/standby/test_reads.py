"""Which server answers a read, when both are scripted."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from adapters.postgres.standby.reads import StandbyReads
from adapters.postgres.standby.watch import ReadPermit, StandbyLimits
from application.newest_reads import REQUEST_READS, RequestReads
from application.storage import StorageUnavailable
from waiting import until


class ScriptedWatch:
    trusted = True
    holding = True
    failure: Exception | None = None

    def permit(self) -> ReadPermit | None:
        return ReadPermit(0.0, 0) if self.trusted else None

    def holds(self, permit: ReadPermit) -> bool:
        return self.holding

    def note_failure(self, error: Exception) -> None:
        self.failure = error


class Servers:
    """Two servers, of which the test scripts the standby."""

    def __init__(self) -> None:
        self.watch = ScriptedWatch()
        self.sources: Counter[str] = Counter()
        self.reads = StandbyReads(self.watch, StandbyLimits(read=0.01, first_batch=0.01), self._count)  # type: ignore[arg-type]
        self.error: Exception | None = None
        self.silent = False
        self.closed = 0

    def _count(self, source: str) -> None:
        self.sources[source] += 1

    async def standby(self) -> str:
        if self.silent:
            await asyncio.Event().wait()
        if self.error:
            raise self.error
        return "standby"

    async def primary(self) -> str:
        return "primary"

    async def standby_batches(self) -> AsyncGenerator[str, None]:
        try:
            yield await self.standby()
            yield await self.standby()
        finally:
            self.closed += 1

    async def primary_batches(self) -> AsyncGenerator[str, None]:
        yield "primary"

    async def read(self) -> str:
        return await self.reads.read(self.standby, self.primary)()

    def stream(self) -> AsyncGenerator[str, None]:
        return self.reads.stream(self.standby_batches, self.primary_batches)()


@pytest.fixture
async def servers() -> AsyncIterator[Servers]:
    token = REQUEST_READS.set(None)
    yield Servers()
    REQUEST_READS.reset(token)


async def test_the_standby_answers_while_it_is_trusted(servers: Servers) -> None:
    assert await servers.read() == "standby"
    assert [batch async for batch in servers.stream()] == ["standby", "standby"]
    servers.watch.trusted = False
    assert await servers.read() == "primary"
    assert [batch async for batch in servers.stream()] == ["primary"]
    assert servers.sources == {"standby": 2, "primary": 2}


@pytest.mark.parametrize("error", [StorageUnavailable("gone"), LookupError(), RuntimeError()])
async def test_the_primary_answers_what_fails_on_the_standby(servers: Servers, error: Exception) -> None:
    servers.error = error
    assert await servers.read() == "primary"
    assert servers.watch.failure is error
    assert [batch async for batch in servers.stream()] == ["primary"]
    assert servers.sources == {"standby_failed": 2, "primary": 2}


async def test_nobody_waits_for_a_silent_standby(servers: Servers) -> None:
    servers.silent = True
    assert await servers.read() == "primary"
    assert [batch async for batch in servers.stream()] == ["primary"]
    assert isinstance(servers.watch.failure, TimeoutError)
    await until(lambda: servers.closed == 1)


async def test_an_answer_that_has_become_too_old_is_not_given(servers: Servers) -> None:
    servers.watch.holding = False
    assert await servers.read() == "primary"
    assert [batch async for batch in servers.stream()] == ["primary"]
    assert servers.sources == {"standby_too_late": 2, "primary": 2}
    assert servers.closed == 1


async def test_a_stream_that_has_begun_never_goes_on_with_another_state(servers: Servers) -> None:
    stream = servers.stream()
    assert await anext(stream) == "standby"
    servers.error = StorageUnavailable("gone")
    with pytest.raises(StorageUnavailable):
        await anext(stream)


async def test_a_request_never_goes_back_to_an_older_state(servers: Servers) -> None:
    REQUEST_READS.set(RequestReads(newest=False))
    assert await servers.read() == "standby"
    servers.watch.trusted = False
    assert await servers.read() == "primary"
    servers.watch.trusted = True
    assert await servers.read() == "primary"
    REQUEST_READS.set(RequestReads(newest=False))
    assert await servers.read() == "standby"
