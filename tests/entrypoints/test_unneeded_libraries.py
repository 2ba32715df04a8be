import subprocess
import sys

import pytest

# Stops short of running: the settings are not read.
IMPORTED = """
import sys
from entrypoints import cli
cli.run = lambda *_: print(*sorted({name.partition(".")[0] for name in sys.modules}))
cli.main([sys.argv[1]], standalone_mode=False)
import litestar, rich
"""


@pytest.mark.parametrize(("command", "unneeded"), [("worker", {"litestar", "rich"}), ("api", {"rich"})])
def test_a_process_does_not_load_what_it_never_uses(command: str, unneeded: set[str]) -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTED, command], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "sqlalchemy" in loaded
    assert not loaded & unneeded
