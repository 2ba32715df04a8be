"""All that runs: PostgreSQL and the processes around it, every start and end of theirs, and who was disturbed when."""

import asyncio
import os
import secrets
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from chaos.plan import DATABASE, SIMULATOR, Disturbance
from chaos.record import Record, Stretches
from chaos.supervised_process import Part
from e2e.clients import free_port
from e2e.processes import AGGREGATOR, Processes, Running, eventually
from e2e.system import System
from entrypoints.development.embedded_postgres.server import EmbeddedPostgres

UPSTREAM = Path(__file__).with_name("upstream.py")
SECONDS_TO_MIGRATE = 60.0
SECONDS_TO_RECOVER = 6.0
"""What the service needs at the most to find its database again, once that is back."""
REFRESH_INTERVAL = 2.0
TOKEN_LIFETIME = 20


class Deployment:
    """The parts by name, and the database. `close` ends all of them."""

    def __init__(self, folder: Path, record: Record) -> None:
        self.folder = folder
        self.record = record
        self.secrets = {
            "OFFERS_REFRESH_TOKEN": f"chaos-refresh-{secrets.token_hex(12)}",
            "ADMIN_PASSWORD": f"chaos-password-{secrets.token_hex(12)}",
            "JWT_SECRET": f"chaos-signature-{secrets.token_hex(20)}",
        }
        self.database_away = Stretches()
        self.metrics_ports = {name: free_port() for name in ("api", "worker-1", "worker-2")}
        self._server = EmbeddedPostgres(folder / "postgres")
        self._outage: asyncio.Task[None] | None = None
        self.system = System(self._server.start(), Processes(folder))
        self.parts = {
            "simulator": self._part("simulator", self._simulator, ""),
            "api": self._part("api", lambda: self._service("api", "api"), '"api started"'),
            **{name: self._part(name, self._worker(name), '"worker started"') for name in ("worker-1", "worker-2")},
        }

    def migrate(self) -> None:
        """Make the tables."""
        migrating = self._service("migrate", "migrate")
        eventually(lambda: not migrating.alive, within=SECONDS_TO_MIGRATE)
        assert migrating.process.returncode == 0, migrating.output()

    @property
    def simulator_life(self) -> int:
        """Which life of the simulator this is."""
        return self.parts[SIMULATOR].lives

    @property
    def ready(self) -> bool:
        """Whether everything runs undisturbed."""
        return not self.database_away.open and all(part.ready for part in self.parts.values())

    def keep(self) -> None:
        """Let every part run that should; to be called often."""
        for part in self.parts.values():
            part.keep(self.database_was_away)

    def disturb(self, disturbance: Disturbance) -> None:
        """Do what the plan says to a part or to the database."""
        if disturbance.target == DATABASE:
            if self._outage is None or self._outage.done():
                self.record.count(f"done: {disturbance.action} {DATABASE}")
                self._outage = asyncio.create_task(self._restart_database(disturbance.action, disturbance.seconds))
            return
        part = self.parts[disturbance.target]
        {"kill": part.kill, "terminate": part.terminate, "stop": part.stop}[disturbance.action](disturbance.seconds)

    def database_was_away(self, begin: float, end: float) -> bool:
        """Whether the service may have been without its database at some time between these."""
        return self.database_away.touch(begin - SECONDS_TO_RECOVER, end)

    def undisturbed(self, name: str, begin: float, end: float) -> bool:
        """Whether a part worked all the time between these."""
        return not self.parts[name].disturbed.touch(begin, end)

    async def until(self, condition: Callable[[], Awaitable[bool]], seconds: float) -> bool:
        """Keep the deployment until the condition holds; say whether it came to that in time."""
        deadline = time.time() + seconds
        while not await condition():
            if time.time() > deadline:
                return False
            self.keep()
            await asyncio.sleep(0.1)
        return True

    async def close(self) -> None:
        """End everything."""
        if self._outage is not None:
            await asyncio.wait([self._outage])
        self.system.close()
        self._server.stop()

    async def _restart_database(self, how: str, down: float) -> None:
        self.database_away.begin(time.time() - 0.1)
        if how == "fast":
            await asyncio.to_thread(self._server.stop)
        else:
            postmaster = int((self.folder / "postgres" / "cluster" / "postmaster.pid").read_text().split("\n")[0])
            os.kill(postmaster, signal.SIGKILL if how == "kill" else signal.SIGQUIT)
        await asyncio.sleep(down)
        while how == "immediate" and self._server.running():
            await asyncio.sleep(0.05)
        await asyncio.to_thread(self._server.start)
        self.database_away.end(time.time())

    def _part(self, name: str, start: Callable[[], Running], announces: str) -> Part:
        return Part(name, start, announces, self.record)

    def _simulator(self) -> Running:
        command = (sys.executable, str(UPSTREAM), str(self.system.simulator_port))
        given = {"OFFERS_REFRESH_TOKEN": self.secrets["OFFERS_REFRESH_TOKEN"]}
        return self.system.processes.start(SIMULATOR, *command, environment=given)

    def _worker(self, name: str) -> Callable[[], Running]:
        return lambda: self._service(name, "worker")

    def _service(self, name: str, command: str) -> Running:
        environment = self.system.environment | self.secrets
        environment |= {"OFFERS_REFRESH_INTERVAL": str(REFRESH_INTERVAL), "JWT_LIFETIME": str(TOKEN_LIFETIME)}
        if name in self.metrics_ports:
            environment["METRICS_PORT"] = str(self.metrics_ports[name])
        return self.system.processes.start(name, *AGGREGATOR, command, environment=environment)
