"""Secrets that no repr shows."""

LONGEST_TOKEN = 8_000


class Secret:
    """A token as a header carries it: visible ASCII. Only `reveal` shows it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        if not value or len(value) > LONGEST_TOKEN or not all("!" <= char <= "~" for char in value):
            raise ValueError("a token must be visible ASCII characters, and not too many")
        self._value = value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def reveal(self) -> str:
        """Return the token itself, to be put into a header and nowhere else."""
        return self._value
