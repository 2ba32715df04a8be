"""The owner of the embedded server, as whom its programs run."""

import os
import pwd
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

from entrypoints.development.child_process import end_with_parent
from entrypoints.development.embedded_postgres.log import ServerLog

PROC = Path("/proc")


class ServerUser:
    """The user of one cluster: ourselves, or instead of root, which PostgreSQL refuses, the cluster's owner.

    That user is handed a directory as an open file descriptor: it needs no way through the parents, whose
    permissions stay as they are.
    """

    def __init__(self, cluster: Path, socket_dir: Path, log: ServerLog) -> None:
        self._cluster = cluster
        self._socket_dir = socket_dir
        self._log = log

    def account(self) -> pwd.struct_passwd:
        """Return the user's passwd entry.

        Raises:
            EmbeddedPostgresError: there is none, or the cluster belongs to someone else.
        """
        owner = self._cluster.stat().st_uid if self._cluster.exists() else None
        uid = os.geteuid()
        try:
            account = pwd.getpwuid(uid or owner or pwd.getpwnam("nobody").pw_uid)
        except KeyError as error:
            raise self._log.error(
                f"PostgreSQL needs a passwd entry for user {uid or owner or 'nobody'}, add one"
            ) from error
        if owner not in {None, account.pw_uid}:
            who = f"user {owner}, but the server would run as {account.pw_name} ({account.pw_uid})"
            raise self._log.error(f"{self._cluster} belongs to {who}: change user, or the owner of everything in it")
        return account

    def take(self, directory: Path) -> None:
        """Become the directory's owner."""
        if os.geteuid() == 0:
            account = self.account()
            os.chown(directory, account.pw_uid, account.pw_gid, follow_symlinks=False)

    def make_private(self, directory: Path) -> None:
        """Make a directory that only this user may enter, unless there is one.

        Raises:
            EmbeddedPostgresError: the directory that is there is not private, or not ours.
        """
        directory.mkdir(0o700, exist_ok=True)
        found = directory.lstat()
        ours = {os.geteuid(), self.account().pw_uid}
        if found.st_mode != stat.S_IFDIR | 0o700 or found.st_uid not in ours:
            raise self._log.error(f"{directory} is not a private directory of ours; remove it")
        self.take(directory)

    def sees(self, condition: str, argument: str, directory: Path) -> bool:
        """Ask test(1) about files as this user."""
        return self.run(["/bin/sh", "-c", f"[ {condition} ]", argument], directory) == 0

    def run(self, command: Sequence[str], directory: Path, text: bytes = b"") -> int:
        """Run a program to its end with this text as its input, and return its exit code."""
        with self.spawn(command, directory, stdin=subprocess.PIPE) as process:
            process.communicate(text)
        return process.returncode

    def spawn(
        self, command: Sequence[str], directory: Path, *, stdin: int = subprocess.DEVNULL, dies_with_us: bool = False
    ) -> subprocess.Popen[bytes]:
        """Start a program with the directory as its PGDATA."""
        root = os.geteuid() == 0
        account = self.account()
        # No secrets of ours, and no PGPORT and the like of the user's.
        environment = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            pgdata = f"/proc/self/fd/{descriptor}" if root and PROC.exists() else str(directory)
            pghost = pgdata if self._socket_dir == self._cluster else str(self._socket_dir)
            with self._log.path.open("ab") as log:
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
