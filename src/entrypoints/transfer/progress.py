"""The progress of a transfer, on standard error: a bar on a terminal, plain lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text


class Display:
    """Shows lines, and above them how far it has come."""

    def __init__(self, console: Console, progress: Progress, total: int | None) -> None:
        self._console = console
        self._progress = progress
        self._task = progress.add_task("", total=total)

    def tell(self, line: str) -> None:
        """Show a line, without characters that a terminal would take for commands."""
        shown = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)
        self._console.print(Text(shown), soft_wrap=True)

    def advance(self, done: int, text: str) -> None:
        """Show how much of the total is done, with a text about it."""
        self._progress.update(self._task, completed=done, description=text)


@contextmanager
def display(total: int | None = None) -> Iterator[Display]:
    """Show the progress of a block; the total is unknown if it is None."""
    console = Console(stderr=True, highlight=False)
    rate = (BarColumn(), TimeRemainingColumn()) if total else (SpinnerColumn(), TimeElapsedColumn())
    with Progress(
        TextColumn("{task.description}"), *rate, console=console, disable=not console.is_terminal
    ) as progress:
        yield Display(console, progress, total)
