"""What every fault has in common: the invariants hold after it.

The name of its test, `test_fault_NN_…`, puts it into the table at the end of the run (tests/conftest.py).
"""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from e2e.faults.in_process_worker import InProcessWorker, new_in_process_worker
from e2e.ledger import assert_sound
from e2e.system import SECRETS, System


@pytest.fixture(autouse=True)
def no_secret_is_printed(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Look for secrets in the log of the test's own process; `system` does so for the others."""
    yield
    printed = "".join(capfd.readouterr())
    assert [secret for secret in SECRETS if secret in printed] == []


@pytest.fixture
async def in_process(new_database_dsn: Callable[[], str]) -> AsyncIterator[InProcessWorker]:
    """Give a worker of its own; afterwards its storage must be sound."""
    async with new_in_process_worker(new_database_dsn()) as in_process:
        yield in_process
        assert_sound(in_process)


@pytest.fixture
def system(new_system: Callable[[], System]) -> Iterator[System]:
    """Give a system of which nothing runs yet; afterwards its storage must be sound and its logs without secrets."""
    system = new_system()
    yield system
    system.close()
    assert_sound(system)
    system.assert_no_secrets()
