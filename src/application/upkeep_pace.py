"""The sizes of the upkeep's steps, so that tests can divide them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UpkeepPace:
    """Each step is a transaction that may be killed and repeated."""

    begins: float = 240.0
    """Seconds after which a run of the housekeeping begins nothing; the next run continues."""
    purged_rows: int = 5_000
    """Rows that one statement deletes at most."""
    rolled_up_products: int = 10
    """Products whose ended day one transaction rolls up."""
    compared_products: int = 500
    """Products whose price changes one transaction computes."""
