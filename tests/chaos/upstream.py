"""The simulator as chaos starts it: tokens live shortly, so that a lost one is soon over, and at first all calls fail.

A new life has forgotten everything; it must not show a market of its own before it was told what to show.
"""

import asyncio
import os
import sys

from entrypoints.development.offers_simulator.command import serve
from entrypoints.development.offers_simulator.faults import ErrorAnswer, Faults
from entrypoints.development.offers_simulator.options import SimulatorOptions

TOKEN_LIFETIME = 12.0


async def main(port: int) -> None:
    options = SimulatorOptions(refresh_token=os.environ["OFFERS_REFRESH_TOKEN"], token_lifetime=TOKEN_LIFETIME)
    await serve("127.0.0.1", port, options, faults=Faults(errors={"all": ErrorAnswer(status=503)}))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
