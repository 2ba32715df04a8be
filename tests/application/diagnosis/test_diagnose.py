"""A diagnosis ends even if checks hang, and names the parts that it could not check."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from application.diagnosis.diagnose import Diagnose
from application.diagnosis.facts import StandbyFacts, SynchronisationFacts, UpstreamFacts
from application.diagnosis.finding import Check, Severity
from application.storage import StorageUnavailable
from application.synchronisation.access_token.store import TokenState
from application.synchronisation.lag import ReadLag
from fakes.clock_watch import clock_watch
from fakes.healthy_system import DELIVERING, KEPT_UP, SERVER, WORKING
from fakes.synchronisation import Synchronising


class Answering:
    """A check that returns, raises or hangs."""

    def __init__(self, result: Any) -> None:
        self._result = result

    async def __call__(self) -> Any:
        if self._result is None:
            await asyncio.Event().wait()
        if isinstance(self._result, Exception):
            raise self._result
        return self._result


HANGING = Answering(None)
AWAY = Answering(StorageUnavailable("the disk of the database is full"))


def diagnosis(world: Synchronising, **checks: Any) -> Diagnose:
    healthy = {
        "inspect_database": Answering(SERVER),
        "schema_state": Answering("ok"),
        "inspect_synchronisation": Answering(WORKING),
        "inspect_upkeep": Answering(KEPT_UP),
        "inspect_upstream": Answering(UpstreamFacts(401)),
        "census": Answering({}),
        "token_state": Answering(TokenState.OK),
        "webhooks": Answering(DELIVERING),
    }
    watch = clock_watch(world.storage)
    read_lag = ReadLag(world.storage.begin, world.timing)
    return Diagnose(**(healthy | checks), read_lag=read_lag, clocks=watch, timing=world.timing, patience=0.05)


async def test_all_is_well(world: Synchronising) -> None:
    assert await diagnosis(world)() == []


@pytest.mark.parametrize("check", [HANGING, AWAY])
@pytest.mark.parametrize("name", ["inspect_database", "schema_state"])
async def test_without_a_database_nothing_else_is_asked_there(
    world: Synchronising, name: str, check: Answering
) -> None:
    (finding,) = await diagnosis(world, inspect_synchronisation=HANGING, **{name: check})()
    assert (finding.severity, finding.check) == (Severity.BROKEN, Check.DATABASE)


@pytest.mark.parametrize("check", [HANGING, AWAY])
@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("inspect_synchronisation", Check.WORKERS),
        ("census", Check.WORKERS),
        ("inspect_upkeep", Check.PARTITIONS),
        ("token_state", Check.TOKEN),
        ("webhooks", Check.WEBHOOKS),
    ],
)
async def test_a_check_that_fails_leaves_the_others(
    world: Synchronising, name: str, where: Check, check: Answering
) -> None:
    found = await diagnosis(world, inspect_upstream=Answering(UpstreamFacts(503)), **{name: check})()
    assert [(finding.severity, finding.check) for finding in found] == [
        (Severity.BROKEN, where),
        (Severity.WARNING, Check.OFFERS_SERVICE),
    ]


@pytest.mark.parametrize(
    ("check", "word"),
    [
        (Answering(StandbyFacts(trouble="the database is starting or stopping")), "starting"),
        (Answering(StandbyFacts(replays=False)), "promoted"),
        (Answering(StandbyFacts(related=False)), "does not replay"),
        (Answering(StandbyFacts(behind=64)), "64 bytes"),
        (Answering(StandbyFacts(feedback=False)), "hot_standby_feedback"),
    ],
)
async def test_a_standby_that_is_not_well_is_a_warning(world: Synchronising, check: Answering, word: str) -> None:
    (finding,) = await diagnosis(world, inspect_standby=check)()
    assert (finding.severity, finding.check) == (Severity.WARNING, Check.STANDBY)
    assert word in finding.problem


async def test_a_standby_that_is_well_is_no_finding(world: Synchronising) -> None:
    assert await diagnosis(world, inspect_standby=Answering(StandbyFacts()))() == []


async def test_an_old_schema_is_one_finding(world: Synchronising) -> None:
    (finding,) = await diagnosis(world, schema_state=Answering("outdated"), inspect_synchronisation=HANGING)()
    assert finding.check is Check.SCHEMA


async def test_no_look_at_the_standby_delays_the_others(world: Synchronising) -> None:
    asked = asyncio.Event()

    async def inspect_standby() -> StandbyFacts:
        await asked.wait()
        return StandbyFacts()

    async def inspect_synchronisation() -> SynchronisationFacts:
        asked.set()
        return WORKING

    checks = {"inspect_standby": inspect_standby, "inspect_synchronisation": inspect_synchronisation}
    assert await replace(diagnosis(world, **checks), patience=5.0)() == []
