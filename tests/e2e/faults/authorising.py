"""Many processes that start at once and need an access token; as many as the argument says.

They are forked, because importing everything once is enough; each ends as soon as it has a token.
"""

import asyncio
import multiprocessing
import os
import sys
from multiprocessing.synchronize import Barrier

from application.synchronisation.access_token.shared_token import SharedAccessToken
from application.synchronisation.access_token.store import token_state
from application.synchronisation.offers_gateway import NotAuthorised
from entrypoints.configuration.settings import read_settings
from entrypoints.container import make_container
from entrypoints.limits import WORKING
from entrypoints.logs import configure_logs

SECONDS = 60.0
LOOK_AGAIN = 0.05


async def authorise(everyone: Barrier) -> None:
    """Get a token, in a container of our own, from the moment on that all processes are ready."""
    settings = read_settings(os.environ)
    configure_logs(settings)
    container = make_container(settings, limits=WORKING)
    try:
        token = await container.get(SharedAccessToken)
        await token_state(token.store, token.seal)  # connects to the database
        everyone.wait(SECONDS)
        async with asyncio.timeout(SECONDS):
            while not await _has(token):
                await asyncio.sleep(LOOK_AGAIN)
    finally:
        await container.close()


async def _has(token: SharedAccessToken) -> bool:
    try:
        await token.current()
    except NotAuthorised:
        return False
    return True


def run(everyone: Barrier) -> None:
    asyncio.run(authorise(everyone))


def main(count: int) -> int:
    """Return how many of them ended without a token."""
    forking = multiprocessing.get_context("fork")
    everyone = forking.Barrier(count)
    processes = [forking.Process(target=run, args=(everyone,), daemon=True) for _ in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return sum(process.exitcode != 0 for process in processes)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
