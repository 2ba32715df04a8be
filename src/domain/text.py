"""Text as search and sorting see it: pure rules, so that no behaviour depends on a database's locale or parser."""

import unicodedata
from itertools import groupby

WORD_LENGTH = 200
"""The characters of a word that count; the rest of a longer one is not looked at."""


def fold(text: str) -> str:
    """Return the text without case, accents and compatibility forms (NFKD, marks dropped, casefold)."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(character for character in decomposed if not unicodedata.combining(character)).casefold()


def words(text: str) -> list[str]:
    """Return the distinct words of the folded text in their order: runs of letters, digits and marks."""
    runs = groupby(fold(text), _is_of_a_word)
    return list(dict.fromkeys("".join(run)[:WORD_LENGTH] for is_word, run in runs if is_word))


def _is_of_a_word(character: str) -> bool:
    # Marks too: some scripts write vowels with marks that folding keeps.
    return unicodedata.category(character)[0] in "LMN"
