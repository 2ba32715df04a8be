"""Every contract of the storage is held on the fake, on PostgreSQL, and on a database with another locale."""

import pytest

from storages.storage import Storage, in_memory, on_postgres


@pytest.fixture(params=["fake", "postgres", "postgres elsewhere"])
def storage(request: pytest.FixtureRequest) -> Storage:
    match request.param:
        case "fake":
            return in_memory()
        case "postgres":
            return on_postgres(request.getfixturevalue("database"))
        case _:
            return on_postgres(request.getfixturevalue("foreign_database"))
