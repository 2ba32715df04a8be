"""Text as search and sorting see it: one pure rule, so that no behaviour depends on a database's locale."""

import unicodedata


def fold(text: str) -> str:
    """Return the text without case, accents and compatibility forms (NFKD, marks dropped, casefold)."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(character for character in decomposed if not unicodedata.combining(character)).casefold()
