"""Only the process that started the embedded server stops it."""

from pathlib import Path

import pytest

from entrypoints.development.embedded_postgres.ownership import AlreadyUp, join_server, own_server
from entrypoints.development.embedded_postgres.server import EmbeddedPostgres


def test_joining_leaves_the_server_to_its_owner(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    with own_server(tmp_path) as owned:
        with join_server(tmp_path) as joined:
            assert (joined.dsn, joined.is_ours) == (owned, False)
        assert server.running()
        with pytest.raises(AlreadyUp), own_server(tmp_path):
            pass
        assert server.running()
    assert not server.running()


def test_whoever_joins_first_owns_the_server_meanwhile(tmp_path: Path) -> None:
    with join_server(tmp_path) as joined:
        assert joined.is_ours
        with pytest.raises(AlreadyUp), own_server(tmp_path):
            pass
        assert EmbeddedPostgres(tmp_path).running()
    assert not EmbeddedPostgres(tmp_path).running()


def test_a_server_left_behind_is_taken_down_by_its_next_owner(tmp_path: Path) -> None:
    left = EmbeddedPostgres(tmp_path)
    left.start()
    with own_server(tmp_path):
        pass
    assert not left.running()
