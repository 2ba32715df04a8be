"""The garbage collector, for processes that make many objects at a time and no cycles to speak of."""

import gc


def spare_the_garbage_collector() -> None:
    """Look at new objects rarely, and never again at what start has made.

    A batch, or a long answer, makes tens of thousands of objects that live as long as it does. By default the collector
    goes through them, and through all that the imports left, so often that it takes a sixth of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
