"""`python -m conformance.description FILE`: write the API's description into a file, for `make lint-api`."""

import asyncio
import sys
from pathlib import Path

import msgspec

from api_client.api import read_description

if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(msgspec.json.format(msgspec.json.encode(asyncio.run(read_description()))))
