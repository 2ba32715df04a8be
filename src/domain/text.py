"""Text as search and sorting see it: pure rules, so that no behaviour depends on a database's locale or parser."""

import re
import unicodedata
from collections.abc import Iterable
from itertools import groupby

WORD_LENGTH = 200
"""The characters of a word that count; the rest of a longer one is not looked at."""
SORTED_LENGTH = 600
"""The characters of a folded text that count for its place; 2 400 bytes at most, of the 2 704 in a row of an index."""

_ASCII_WORD = re.compile("[0-9a-z]+")


def fold(text: str) -> str:
    """Return the text without case, accents and compatibility forms (NFKD, marks dropped, casefold)."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(character for character in decomposed if not unicodedata.combining(character)).casefold()


def sort_key(text: str) -> str:
    """Return what texts are sorted by: as much of the folded text as an index can hold, whatever its characters."""
    return fold(text)[:SORTED_LENGTH]


def words(text: str) -> list[str]:
    """Return the distinct words of the folded text in their order: runs of letters, digits and marks."""
    return list(dict.fromkeys(word[:WORD_LENGTH] for word in _runs(fold(text))))


def _runs(folded: str) -> Iterable[str]:
    if folded.isascii():
        return _ASCII_WORD.findall(folded)
    return ("".join(run) for is_word, run in groupby(folded, _is_of_a_word) if is_word)


def _is_of_a_word(character: str) -> bool:
    # Marks too: some scripts write vowels with marks that folding keeps.
    return unicodedata.category(character)[0] in "LMN"
