"""A page in a real browser without a window, driven over its DevTools protocol."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from e2e.clients import Json
from e2e.processes import Processes, eventually

CHROMIUM = os.environ.get("CHROMIUM", "chromium")
OPTIONS = ("--headless=new", "--disable-gpu", "--no-first-run", "--no-proxy-server", "--remote-debugging-port=0")


class Page:
    """One page, and all events that it reported."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.events: list[Json] = []
        self._socket = socket
        self._last = 0

    async def send(self, method: str, **parameters: Any) -> Json:
        """Send a command and return its result."""
        self._last += 1
        await self._socket.send_json({"id": self._last, "method": method, "params": parameters})
        while (message := await self._socket.receive_json()).get("id") != self._last:
            self.events.append(message)
        result: Json = message["result"]
        return result

    async def until(self, script: str) -> Any:
        """Return the script's result as soon as that is true."""
        async with asyncio.timeout(60):
            while not (said := await self._evaluate(f"(() => {{ {script} }})()")):
                await asyncio.sleep(0.05)
        return said

    async def _evaluate(self, expression: str) -> Any:
        answer = await self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")


@asynccontextmanager
async def open_page(processes: Processes, profile: Path) -> AsyncIterator[Page]:
    """Start the browser and give its empty page, which reports its requests, errors and console."""
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    command = (CHROMIUM, *OPTIONS, *sandbox, f"--user-data-dir={profile}", "about:blank")
    processes.start("chromium", *command, environment={})
    told = profile / "DevToolsActivePort"
    port = eventually(lambda: told.exists() and told.read_text().partition("\n")[0])
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            (url,) = (each["webSocketDebuggerUrl"] for each in await answer.json() if each["type"] == "page")
        async with session.ws_connect(url, max_msg_size=0) as socket:
            page = Page(socket)
            for domain in ("Page", "Network", "Log", "Runtime"):
                await page.send(f"{domain}.enable")
            yield page
