"""The output of the embedded server's programs, and the error that quotes it."""

import os
from contextlib import suppress
from pathlib import Path


class EmbeddedPostgresError(Exception):
    """The embedded server failed; the message gives the reason and the remedy."""


class ServerLog:
    """The file that the server and all programs write to; it is emptied when it holds more than `most_bytes`."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        self.path = path
        self._most_bytes = most_bytes
        self._start = 0

    def mark(self) -> None:
        """Remember where the output of the programs started from here on begins."""
        self.path.touch(0o600)
        if self.path.stat().st_size > self._most_bytes:
            os.truncate(self.path, 0)
        self._start = self.path.stat().st_size

    def output(self) -> bytes:
        """Return the output since the mark."""
        return self.path.read_bytes()[self._start :]

    def error(self, reason: str) -> EmbeddedPostgresError:
        """Return the error to raise for this reason."""
        message = f"{reason}; or set DATABASE_URL to use a server of your own"
        with suppress(OSError):
            message += f". The end of {self.path}:\n{self.output()[-2000:].decode(errors='replace')}"
        return EmbeddedPostgresError(message)
