"""`aggregator up` as a story sees it: where it says that it is, and every process that works for it."""

import os
import re
import signal
from pathlib import Path
from urllib.parse import urlsplit

from e2e.clients import Api, listens
from e2e.processes import Processes, Running, eventually
from entrypoints.development.embedded_postgres.server import EmbeddedPostgres

PROC = Path("/proc")


class OneMachine:
    """A data directory and the `aggregator up` on it, which is asked for the same two ports every time."""

    def __init__(self, processes: Processes, data_dir: Path, *, port: int, simulator_port: int) -> None:
        self._processes = processes
        self.data_dir = data_dir
        self.environment = {
            "AGGREGATOR_DATA_DIR": str(data_dir),
            "PORT": str(port),
            "SIMULATOR_PORT": str(simulator_port),
            "OFFERS_REFRESH_INTERVAL": "1",
            "LOG_FORMAT": "json",
        }
        self.parent: Running | None = None
        self._apis: list[Api] = []

    def run(self, *command: str) -> Running:
        """Start an `aggregator` command on the data directory."""
        return self._processes.aggregator(*command, environment=self.environment)

    def up(self) -> None:
        """Start everything; `ready` waits for it."""
        self.parent = self.run("up")

    @property
    def running(self) -> Running:
        """The `up` that was started last."""
        assert self.parent is not None
        return self.parent

    def ready(self) -> Api:
        """Wait for the banner, and return the API that it shows."""
        banner = re.compile(r"Product Aggregator is up\.\n\n +API +(http://\S+)/products\n")
        eventually(lambda: banner.search(self.running.output()) or not self.running.alive)
        found = banner.search(self.running.output())
        assert found, "it has ended"
        self._apis.append(Api(found[1]))
        return self._apis[-1]

    @property
    def api_port(self) -> int:
        """The port that the API took."""
        return self._port("API")

    @property
    def simulator_port(self) -> int:
        """The port that the simulator took."""
        return self._port("Offers")

    def parts(self) -> set[int]:
        """Return the pids of all `aggregator` processes that run on this data directory, but for `up` itself."""
        mark = f"AGGREGATOR_DATA_DIR={self.data_dir}".encode()
        up = self.parent and self.parent.pid
        return {pid for pid in _all_pids() if mark in _environment_of(pid) and pid != up and not ended(pid)}

    def workforce(self) -> set[int]:
        """Return the pids of all that runs for this data directory: its parts, `up`, PostgreSQL and its children."""
        found = self.parts()
        if self.parent is not None and self.parent.alive:
            found.add(self.parent.pid)
        postmaster = self.postmaster()
        if postmaster is not None and not ended(postmaster):
            found |= {postmaster} | {pid for pid in _all_pids() if _parent_of(pid) == postmaster}
        return found

    def postmaster(self) -> int | None:
        """Return the pid of the PostgreSQL that runs, or was killed, on the data directory."""
        try:
            return int((self.data_dir / "cluster" / "postmaster.pid").read_text().split()[0])
        except FileNotFoundError:
            return None

    def ends_cleanly(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop it, and see that it is gone in time with all that it started and every port."""
        workforce, ports = self.workforce(), (self.api_port, self.simulator_port)
        assert len(workforce) > 5
        assert self.running.ends_with(number) == 0
        assert not {pid for pid in workforce if not ended(pid)}
        assert self.postmaster() is None
        assert not [port for port in ports if listens(port)]

    def close(self) -> None:
        """End the remaining processes once `up` has ended, or was killed."""
        for pid in self.parts():
            os.kill(pid, signal.SIGKILL)
        for api in self._apis:
            api.client.close()
        EmbeddedPostgres(self.data_dir).stop()

    def _port(self, of: str) -> int:
        found = re.search(rf"^ +{of} +(http://\S+)", self.running.output(), re.MULTILINE)
        assert found
        return urlsplit(found[1]).port or 0


def ended(pid: int) -> bool:
    """Whether the process has ended; it may still be a zombie."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def _all_pids() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def _parent_of(pid: int) -> int:
    try:
        return int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _environment_of(pid: int) -> list[bytes]:
    try:
        return (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return []
