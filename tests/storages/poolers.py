"""PgBouncer before a server of ours, where it is installed."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

import pytest

from e2e.clients import free_port, listens
from e2e.processes import eventually
from entrypoints.development.child_process import end_with_parent

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

needs_pgbouncer = pytest.mark.skipif(PGBOUNCER is None, reason="NOT RUN: pgbouncer is not installed")

SETTINGS = """
[databases]
* = host={socket} port=5432
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users.txt
logfile = {folder}/log
pool_mode = {mode}
default_pool_size = {size}
max_client_conn = 500
server_login_retry = 1
query_wait_timeout = {query_wait}
"""


class Pooler:
    """One PgBouncer, with so many connections to each database of the server. It may be killed and started again.

    A client waits so many seconds for one of them, then it is sent away.
    """

    def __init__(self, dsn: str, mode: str = "transaction", size: int = 3, query_wait: int = 60) -> None:
        self.port = free_port()
        self.dsn = f"postgresql://aggregator@127.0.0.1:{self.port}{urlsplit(dsn).path}"
        self._socket = parse_qs(urlsplit(dsn).query)["host"][0]
        self._mode, self._size, self._query_wait = mode, size, query_wait
        self._folder = tempfile.TemporaryDirectory(prefix="pgbouncer-")

    def __enter__(self) -> Self:
        """Write its settings, and start it."""
        folder = Path(self._folder.name)
        # It refuses to run as root; the socket belongs to this user, who may enter these folders.
        owner = Path(self._socket).stat().st_uid
        os.chown(folder, owner, -1)
        (folder / "users.txt").write_text('"aggregator" ""\n')
        self._command = [str(PGBOUNCER), *(["-u", pwd.getpwuid(owner).pw_name] if os.geteuid() == 0 else [])]
        self._command.append(str(folder / "pgbouncer.ini"))
        settings = {
            "folder": folder,
            "socket": self._socket,
            "port": self.port,
            "mode": self._mode,
            "size": self._size,
            "query_wait": self._query_wait,
        }
        (folder / "pgbouncer.ini").write_text(SETTINGS.format(**settings))
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End it."""
        self.kill()
        self._folder.cleanup()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(
            self._command, stdin=quiet, stdout=quiet, stderr=quiet, preexec_fn=end_with_parent()
        )
        eventually(lambda: self._process.poll() is not None or listens(self.port))
        assert self._process.poll() is None, "pgbouncer has ended"

    def kill(self) -> None:
        """End it without a word to anybody."""
        self._process.kill()
        self._process.wait()
