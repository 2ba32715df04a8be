"""The processes of a story: started as operators start them, ended by their own pid, their output kept in files."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from entrypoints.configuration.setting_sources import SECRETS
from entrypoints.configuration.settings import ALL
from entrypoints.development.child_process import end_with_parent
from waiting import PATIENCE

Found = TypeVar("Found")

SECONDS_TO_STOP = 15.0
LAST_LINES = 60
OUR_SETTINGS = {*ALL, *(f"{name}_FILE" for name in SECRETS)}
AGGREGATOR = (sys.executable, "-m", "entrypoints.cli")


def eventually(condition: Callable[[], Found], *, within: float = PATIENCE) -> Found:
    """Return the condition's result as soon as that is true, and look again until then."""
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline, f"did not come true within {within} s, found {found!r}"
        time.sleep(0.05)
    return found


class Running:
    """One process and the file that all its output goes to."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        inherited = {name: value for name, value in os.environ.items() if name not in OUR_SETTINGS}
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=log.parent,
                env={**inherited, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=end_with_parent(),
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None

    def output(self) -> str:
        """Return its output so far."""
        return self.log.read_text()

    def events(self, event: str) -> Iterator[dict[str, Any]]:
        """Return its log lines about this event."""
        for line in self.output().splitlines():
            if line.startswith("{") and line.endswith("}") and (entry := json.loads(line)).get("event") == event:
                yield entry

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it alone."""
        self.process.send_signal(number)

    def ends_with(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal and return its exit code."""
        self.send(number)
        return self.exit_code()

    def exit_code(self) -> int:
        """Wait for its end and return its exit code."""
        return self.process.wait(PATIENCE)


class Processes:
    """Owns the processes of a story and ends those that are left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._all: list[Running] = []

    def start(self, name: str, *command: str, environment: Mapping[str, str]) -> Running:
        """Start a program; its log is called by the name and a number."""
        log = self._folder / f"{len(self._all)}-{name}.log"
        running = Running(name, command, environment, log)
        self._all.append(running)
        return running

    def aggregator(self, *command: str, environment: Mapping[str, str]) -> Running:
        """Start one of the `aggregator` commands."""
        return self.start(command[0], *AGGREGATOR, *command, environment=environment)

    def end(self) -> None:
        """End all that still run, by force where asking does not help."""
        alive = [running for running in self._all if running.alive]
        for running in alive:
            running.send(signal.SIGTERM)
            running.send(signal.SIGCONT)
        for running in alive:
            try:
                running.process.wait(SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                running.process.kill()
                running.process.wait()

    def all_output(self) -> list[tuple[str, str]]:
        """Return all that every process has printed, by the name of its log."""
        return [(running.log.name, running.output()) for running in self._all]

    def logs(self) -> list[tuple[str, str]]:
        """Return the end of every log, for the report of a failed test."""
        return [(running.log.name, "\n".join(running.output().splitlines()[-LAST_LINES:])) for running in self._all]
