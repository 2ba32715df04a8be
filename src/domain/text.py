"""Text for search and sorting: pure rules, so that no behaviour depends on a database's locale or parser."""

import unicodedata

WORD_LENGTH = 200
"""Characters of a word that count; the rest of a longer word is ignored."""


def fold(text: str) -> str:
    """Return the text without case, accents and compatibility forms (NFKD, marks dropped, casefold)."""
    if text.isascii():
        return text.lower()  # the same, for a fraction of the time
    decomposed = unicodedata.normalize("NFKD", text)
    # A text has few distinct characters, each of which is dropped everywhere at once.
    for character in set(decomposed):
        if unicodedata.combining(character):
            decomposed = decomposed.replace(character, "")
    return decomposed.casefold()


def words(text: str) -> list[str]:
    """Return the distinct words of the folded text in their order: runs of letters, digits and marks."""
    folded = fold(text)
    for character in set(folded):
        # Marks count too: some scripts write vowels with marks that folding keeps.
        if unicodedata.category(character)[0] not in "LMN":
            folded = folded.replace(character, " ")
    return list(dict.fromkeys(word[:WORD_LENGTH] for word in folded.split(" ") if word))
