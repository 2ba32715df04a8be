"""Text as search and sorting see it: pure rules, so that no behaviour depends on a database's locale or parser."""

import re
import unicodedata
from collections.abc import Iterable
from itertools import groupby

WORD_LENGTH = 200
"""Characters of a word that count; the rest of a longer word is ignored."""
_ASCII_WORD = re.compile("[0-9a-z]+")


def fold(text: str) -> str:
    """Return the text without case, accents and compatibility forms (NFKD, marks dropped, casefold)."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(character for character in decomposed if not unicodedata.combining(character)).casefold()


def words(text: str) -> list[str]:
    """Return the distinct words of the folded text in their order: runs of letters, digits and marks."""
    return list(dict.fromkeys(word[:WORD_LENGTH] for word in _runs(fold(text))))


def _runs(folded: str) -> Iterable[str]:
    if folded.isascii():
        return _ASCII_WORD.findall(folded)
    return ("".join(run) for is_word, run in groupby(folded, _is_of_a_word) if is_word)


def _is_of_a_word(character: str) -> bool:
    # Marks count too: some scripts write vowels with marks that folding keeps.
    return unicodedata.category(character)[0] in "LMN"
