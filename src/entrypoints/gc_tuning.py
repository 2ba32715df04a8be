"""The garbage collector, for processes that make many objects at a time and no cycles to speak of."""

import gc


def collect_rarely() -> None:
    """Look at new objects rarely.

    A batch, or a long answer, makes tens of thousands of objects that live as long as it does. By default the collector
    goes through them, and through all that the imports left, so often that it takes a sixth of the time.
    """
    gc.set_threshold(50_000, 20, 20)


def spare_what_start_has_made() -> None:
    """Never look at the objects again that are there now."""
    gc.collect()
    gc.freeze()
