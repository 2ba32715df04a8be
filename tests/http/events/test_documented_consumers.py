"""The consumers of docs/events.md: each goes on where it was when it was killed."""

import asyncio
import re
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from api_client.api import Outside
from api_client.server import served
from domain.event import Event, EventType
from entrypoints.limits import RequestLimits
from factories import some_id
from fakes.storage import NOON
from specification.event_schemas import sample_data
from waiting import PATIENCE

PAGE = (Path(__file__).parents[3] / "docs" / "events.md").read_text()


def consumer(language: str, port: int) -> str:
    """Return the page's consumer in this language, the longest of its blocks, for a service on this port."""
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(max(blocks, key=len)).replace("127.0.0.1:8080", f"127.0.0.1:{port}")


async def append(outside: Outside, count: int) -> list[str]:
    """Append events, and return their ids."""
    kind = EventType.PRICE_CHANGED
    async with outside.storage.begin() as work:
        await work.events.append(*(Event(kind, some_id(), NOON, sample_data(kind)) for _ in range(count)))
        await work.commit()
    return [event.position.cursor for event in outside.storage.rows.events[-count:]]


@asynccontextmanager
async def running(folder: Path, *command: str) -> AsyncIterator[asyncio.StreamReader]:
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.kill()
        await process.wait()


async def lines(output: asyncio.StreamReader, count: int) -> list[str]:
    async with asyncio.timeout(PATIENCE):
        return [(await output.readline()).decode() for _ in range(count)]


async def stored(folder: Path, cursor: str) -> None:
    """Wait until a consumer has stored this cursor."""
    async with asyncio.timeout(PATIENCE):
        while not (folder / "cursor").exists() or (folder / "cursor").read_text() != cursor:
            await asyncio.sleep(0.01)


@pytest.mark.skipif(shutil.which("node") is None, reason="NOT RUN: Node is not installed")
async def test_the_consumer_in_node_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    outside = Outside()
    outside.limits = RequestLimits()
    async with served(outside) as server:
        script = tmp_path / "consumer.mjs"
        script.write_text(consumer("js", server.port))
        ids = await append(outside, 3)
        (tmp_path / "cursor").write_text("0-0-0")
        async with running(tmp_path, "node", str(script)) as output:
            assert [line.split()[0] for line in await lines(output, 3)] == ids
            await stored(tmp_path, ids[-1])
        later = await append(outside, 2)
        async with running(tmp_path, "node", str(script)) as output:
            assert [line.split()[0] for line in await lines(output, 2)] == later


async def test_the_consumer_in_python_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    outside = Outside()
    async with served(outside) as server:
        script = tmp_path / "consumer.py"
        script.write_text(consumer("python", server.port))
        ids = await append(outside, 3)
        async with running(tmp_path, sys.executable, "-u", str(script)) as output:
            assert [line.split()[0] for line in await lines(output, 3)] == ids
            await stored(tmp_path, ids[-1])
        later = await append(outside, 2)
        async with running(tmp_path, sys.executable, "-u", str(script)) as output:
            assert [line.split()[0] for line in await lines(output, 2)] == later


@pytest.mark.skipif(
    None in (shutil.which("jq"), shutil.which("curl")), reason="NOT RUN: curl and jq are not both installed"
)
async def test_the_consumer_in_a_shell_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    outside = Outside()
    async with served(outside) as server:
        script = tmp_path / "consumer.sh"
        script.write_text(consumer("sh", server.port))
        await append(outside, 3)
        async with running(tmp_path, "sh", str(script)) as output:
            assert len(await lines(output, 3)) == 3
            async with asyncio.timeout(PATIENCE):
                while not (tmp_path / "cursor").read_text():
                    await asyncio.sleep(0.01)
        await append(outside, 1)
        subject = str(outside.storage.rows.events[-1].subject)
        async with running(tmp_path, "sh", str(script)) as output:
            assert [line.split()[1] for line in await lines(output, 1)] == [subject]
