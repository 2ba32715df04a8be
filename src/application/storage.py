"""The one error of the storage."""


class StorageUnavailable(Exception):
    """The database cannot be reached, or did not answer in time.

    Before a commit it means that nothing of the unit of work is stored. From a commit itself it means that the outcome
    is unknown: everything is stored or nothing is.
    """
