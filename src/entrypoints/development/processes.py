"""The processes of `aggregator up`: child processes of one parent, which start with it and end with it."""

import asyncio
import os
import sys
from asyncio.subprocess import Process
from contextlib import suppress

import click

from entrypoints.development.child_process import end_with_parent

SECONDS_TO_STOP = 5.0


class StartFailed(click.ClickException):
    """The system cannot be brought up, or did not stay up; the text says why."""


class Processes:
    """The child processes. Each is in a session of its own, so that Ctrl-C reaches only us, and ends with us."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = dict(os.environ) | environment
        self._running: dict[str, Process] = {}

    async def start(self, command: str, *arguments: str) -> Process:
        """Start `aggregator` with this command."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "entrypoints.cli",
            command,
            *arguments,
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=end_with_parent(),
        )
        self._running[command] = process
        return process

    async def finish(self, command: str) -> None:
        """Run `aggregator` with this command to its end.

        Raises:
            StartFailed: it failed.
        """
        process = await self.start(command)
        if await process.wait() != 0:
            raise StartFailed(f"`aggregator {command}` failed; the reason is above.")
        del self._running[command]

    async def first_to_end(self) -> str:
        """Wait until one of them ends, and return its command."""
        waiting = {asyncio.create_task(process.wait()): command for command, process in self._running.items()}
        try:
            ended, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            return waiting[ended.pop()]
        finally:
            for task in waiting:
                task.cancel()

    async def stop(self) -> None:
        """Ask all processes to end, and end those that take too long."""
        processes = [process for process in self._running.values() if process.returncode is None]
        for process in processes:
            process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(SECONDS_TO_STOP):
                for process in processes:
                    await process.wait()
        for process in processes:
            if process.returncode is None:
                process.kill()
                await process.wait()
