"""The file in which a simulator keeps its world, so that the next run goes on where this one ended."""

from pathlib import Path

import click
import msgspec

from entrypoints.development.offers_simulator.world import WorldState

MAX_BYTES = 64 * 2**20


class WorldFile:
    """A file that is replaced as a whole, so that it holds either the former state or the new one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._saved = b""
        self._fails = False

    def load(self) -> WorldState | None:
        """Return the state that was saved; None without a file, or when it is damaged, which is printed.

        Raises:
            OSError: the file cannot be read.
        """
        try:
            with self._path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
            if len(content) > MAX_BYTES:
                raise msgspec.DecodeError(f"longer than {MAX_BYTES} bytes")
            return msgspec.json.decode(content, type=WorldState)
        except FileNotFoundError:
            return None
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            click.echo(f"{self._path} is damaged and is replaced by a new world: {error}", err=True)
            return None

    def save(self, state: WorldState) -> None:
        """Replace the file unless it has this state already; the first failure in a row is printed."""
        content = msgspec.json.encode(state)
        if content == self._saved:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft = self._path.with_name(f"{self._path.name}.new")
            draft.write_bytes(content)
            draft.replace(self._path)
        except OSError as error:
            if not self._fails:
                click.echo(f"The simulated world cannot be saved, free or open {self._path.parent}: {error}", err=True)
            self._fails = True
            return
        self._saved, self._fails = content, False
