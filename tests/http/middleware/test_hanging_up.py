"""Callers who hang up before they are answered leave nothing in the log."""

import asyncio
import logging
import socket
import struct
from typing import Any

import pytest
import uvicorn
import uvloop

from entrypoints.http.protocol import ProblemProtocol
from waiting import until

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
RESET = struct.pack("ii", 1, 0)


@pytest.mark.parametrize("requests", [1, 3])
def test_a_caller_who_hangs_up_leaves_no_traceback(requests: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        # The loop that serves, which minds what is written to a closed connection.
        uvloop.run(_hang_up(requests))
    assert caplog.messages == []


async def _hang_up(requests: int) -> None:
    """Send so many requests at once, and hang up while the first is answered."""
    reached, gone, answered = asyncio.Event(), asyncio.Event(), 0

    async def application(_scope: object, _receive: object, send: Any) -> None:
        nonlocal answered
        reached.set()
        await gone.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for more in (True, True, False):
            await send({"type": "http.response.body", "body": b"x" * 100, "more_body": more})
            await asyncio.sleep(0)
        answered += 1

    config = uvicorn.Config(application, port=0, http=ProblemProtocol, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        with socket.create_connection(server.servers[0].sockets[0].getsockname()) as caller:
            caller.sendall(REQUEST * requests)
            await reached.wait()
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        gone.set()
        await until(lambda: answered)
    finally:
        server.should_exit = server.force_exit = True
        await serving
