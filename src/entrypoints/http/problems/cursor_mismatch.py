"""The error of all cursors."""


class CursorMismatch(Exception):
    """The cursor cannot be read, or belongs to another list. The text is written for the caller."""
