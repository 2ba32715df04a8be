"""Libraries that others import wherever they are installed, and that not every process needs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*libraries: str) -> Iterator[None]:
    """Let libraries look as if they were not installed while the block imports what could use them.

    An import fails where `sys.modules` has None (https://docs.python.org/3/reference/import.html#the-module-cache).
    """
    hidden = [name for name in libraries if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
