"""One run: start the deployment, load it, disturb it after the plan, let it settle, check, end everything."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from chaos import checks
from chaos.alert_checks import check_alerts
from chaos.alerts import Watcher
from chaos.caller import Caller
from chaos.catalogue import Catalogue
from chaos.consumers import Consumers
from chaos.customers import PATIENCE, Customer
from chaos.deployment import Deployment
from chaos.event_consumers import PATIENCE as CONSUMERS_PATIENCE
from chaos.event_consumers import Puller
from chaos.logs import read_logs
from chaos.offer_versions import ScriptedOffers
from chaos.past import Past
from chaos.plan import ACTIONS, WORKERS, Disturbance, make_plan
from chaos.readers import PATIENCE as READERS_PATIENCE
from chaos.readers import Judge, Reader
from chaos.record import Record
from chaos.secrets_kept import Secrets
from chaos.settling import SECONDS_TO_START, Settling
from chaos.slow_writers import hold_writers_up

CUSTOMERS, READERS = 4, 3
FIRST_PRODUCTS = 6
SECONDS_BETWEEN_PROGRESS = 10.0
SECONDS_TO_END = 15.0
NEEDED = (
    "outcome: observed",
    "outcome: registered",
    "history steps",
    "history intervals",
    "past answers compared",
    "acknowledged changes in the log",
    "events streamed",
    "events delivered",
    "delivery: failed",
    "transitions simulated",
    "writers held up",
)


class Run:
    """A seed's run of so many seconds, in a folder of its own."""

    def __init__(self, folder: Path, seed: int, seconds: float, record: Record) -> None:
        self._seed = seed
        self._seconds = seconds
        self._record = record
        self._deployment = Deployment(folder, record)
        self._market = ScriptedOffers(self._deployment, record, seed)
        self._catalogue = Catalogue()
        self._kept = Secrets(self._deployment.secrets, record)
        self._past = Past(seed, record)
        self._closing = asyncio.Event()
        self._callers: list[Caller] = []
        self._consumers = Consumers(seed, self._deployment, record, self._caller(CONSUMERS_PATIENCE))
        self._admin = self._caller(PATIENCE)
        self._watcher = Watcher(seed, self._admin)

    async def __call__(self) -> None:
        """Do it all; everything is ended, whatever happens."""
        tasks: list[asyncio.Task[None]] = []
        try:
            self._deployment.migrate()
            await self._consumers.receiver.start()
            if not await self._deployment.until(self._running, SECONDS_TO_START):
                self._record.violate("everything starts", "the deployment does not run")
                return
            await self._prepare()
            tasks.append(asyncio.create_task(self._market.run()))
            if not await self._deployment.until(self._ready, SECONDS_TO_START):
                self._record.violate("everything starts", "the deployment is not ready")
                return
            load = self._load()
            tasks += load
            tasks += self._consumers.follow(self._closing)
            tasks.append(slow := asyncio.create_task(hold_writers_up(self._deployment, self._seed)))
            await self._disturb()
            slow.cancel()
            self._market.no_faults()
            self._closing.set()
            await self._deployment.until(_over(load), PATIENCE + SECONDS_TO_END)
            settling = Settling(self._deployment, self._catalogue, self._market, self._record)
            await settling(self._caller(READERS_PATIENCE))
            await asyncio.to_thread(self._check_while_all_runs)
            await self._consumers.deliver_all()
            await self._stop(*WORKERS)
            await self._consumers.hear_all()
            await asyncio.to_thread(self._check_database)
            await self._stop(*self._deployment.parts)
            read_logs(self._deployment, self._record)
            for needed in NEEDED:
                if not self._record.counts[needed]:
                    self._record.violate("something happened", f"no {needed}")
            self._kept.look_into_files(self._deployment.folder)
        finally:
            for task in tasks:
                task.cancel()
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(ended, Exception):
                    self._record.violate("chaos itself works", repr(ended))
            for caller in self._callers:
                await caller.aclose()
            await self._consumers.aclose()
            await self._deployment.close()

    async def _running(self) -> bool:
        return self._deployment.ready

    async def _ready(self) -> bool:
        return self._deployment.ready and self._market.settled

    async def _prepare(self) -> None:
        """Make a webhook, the first products, and alerts, before the market opens and anything can be observed."""
        self._kept.keep("a webhook's secret", await self._consumers.receiver.subscribe(self._admin))
        first = Customer(CUSTOMERS, self._seed, self._admin, self._catalogue, self._market)
        await self._watcher.make(await first.stock(FIRST_PRODUCTS))

    def _load(self) -> list[asyncio.Task[None]]:
        judge = Judge(self._market, self._record, self._past)
        customers = [
            Customer(number, self._seed, self._caller(PATIENCE), self._catalogue, self._market)
            for number in range(CUSTOMERS)
        ]
        readers = [
            Reader(number, self._seed, self._caller(READERS_PATIENCE), self._catalogue, judge)
            for number in range(READERS)
        ]
        others = (self._consumers.puller, self._watcher)
        everyone: list[Customer | Reader | Puller | Watcher] = [*customers, *readers, *others]
        return [asyncio.create_task(each.run(self._closing)) for each in everyone]

    def _caller(self, patience: float) -> Caller:
        caller = Caller(self._deployment, self._record, self._kept, patience=patience)
        self._callers.append(caller)
        return caller

    async def _disturb(self) -> None:
        plan = make_plan(self._seed, self._seconds)
        began, next_progress = time.time(), SECONDS_BETWEEN_PROGRESS
        ending: list[tuple[float, str]] = []
        while (now := time.time() - began) < self._seconds:
            self._deployment.keep()
            while plan and plan[0].at <= now:
                self._act(disturbance := plan.pop(0))
                if disturbance.action == "fault":
                    ending.append((disturbance.at + disturbance.seconds, disturbance.target))
            for end, fault in [each for each in ending if each[0] <= now]:
                ending.remove((end, fault))
                self._market.switch(fault, on=False)
            if now >= next_progress:
                next_progress += SECONDS_BETWEEN_PROGRESS
                self._record.tell(self._record.progress(len(self._catalogue.living)))
            await asyncio.sleep(0.05)

    def _act(self, disturbance: Disturbance) -> None:
        self._record.tell(str(disturbance))
        if disturbance.action == "fault":
            self._record.count("done: fault switched")
            self._market.switch(disturbance.target, on=True)
        elif disturbance.action == "action":
            self._record.count(f"done: {disturbance.target}")
            self._market.act(ACTIONS[disturbance.target])
        else:
            self._deployment.disturb(disturbance)

    def _check_while_all_runs(self) -> None:
        checks.check_simulator(self._deployment, self._catalogue, self._market, self._record)
        self._past.compare(self._deployment.system.api.client, self._catalogue)
        checks.check_metrics(self._deployment, self._kept, self._record)

    def _check_database(self) -> None:
        checks.check_database(self._deployment, self._market, self._record)
        self._consumers.check(self._catalogue)
        check_alerts(self._deployment, self._catalogue, self._watcher.made, self._record)
        checks.check_secrets(self._deployment, self._kept)

    async def _stop(self, *names: str) -> None:
        for name in names:
            self._deployment.parts[name].terminate(float("inf"))
        await self._deployment.until(self._gone(names), 2 * SECONDS_TO_END)

    def _gone(self, names: tuple[str, ...]) -> Callable[[], Awaitable[bool]]:
        async def gone() -> bool:
            return all(self._deployment.parts[name].gone for name in names)

        return gone


def _over(load: list[asyncio.Task[None]]) -> Callable[[], Awaitable[bool]]:
    async def over() -> bool:
        return all(task.done() for task in load)

    return over
