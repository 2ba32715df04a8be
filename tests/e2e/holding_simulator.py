"""The simulator, with answers that wait until the latency is switched off, however short or long it is.

They are decided before the wait, as all answers are. Arguments are the port and the seconds of a tick.
"""

import asyncio
import sys

from entrypoints.development.offers_simulator.app import running_simulator
from entrypoints.development.offers_simulator.options import SimulatorOptions


async def main(port: int, tick: float) -> None:
    async with running_simulator(SimulatorOptions(tick=tick), port=port) as running:
        simulation = running.simulation

        async def wait(_seconds: float) -> None:
            while simulation.faults.latency:
                await asyncio.sleep(0.01)

        simulation.wait = wait
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
