"""Folding: what search and sorting take for equal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.text import WORD_LENGTH, fold, words


@pytest.mark.parametrize(
    ("text", "folded"),
    [("Crème Brûlée", "creme brulee"), ("STRASSE", "strasse"), ("Straße", "strasse"), ("\ufb01lter", "filter")],
)
def test_case_accents_and_compatibility_forms_are_dropped(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text())
def test_what_is_folded_folds_to_itself(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Crème Brûlée, crème!", ["creme", "brulee"]),
        ("USB-C 3.0", ["usb", "c", "3", "0"]),
        ("हिन्दी", ["हिनदी"]),
        (" … & \0 \ud800", []),
        ("", []),
        ("a" * WORD_LENGTH + "b", ["a" * WORD_LENGTH]),
    ],
)
def test_words_are_distinct_runs_of_letters_digits_and_marks(text: str, found: list[str]) -> None:
    assert words(text) == found


@given(st.text())
def test_a_word_is_the_only_word_in_itself(text: str) -> None:
    for word in words(text):
        assert words(word) == [word]


@given(st.text(), st.text())
def test_words_side_by_side_are_those_of_each(one: str, other: str) -> None:
    assert set(words(f"{one} {other}")) == {*words(one), *words(other)}
