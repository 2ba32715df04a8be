"""The garbage collector, tuned for processes that make many objects at a time and few cycles."""

import gc


def collect_rarely() -> None:
    """Collect new objects rarely.

    A batch, or a long answer, makes tens of thousands of objects that live as long as it does. By default the collector
    goes through them, and through the objects of all imports, so often that it takes a sixth of the time.
    """
    gc.set_threshold(50_000, 20, 20)


def freeze_startup_objects() -> None:
    """Exclude all present objects from future collections."""
    gc.collect()
    gc.freeze()
