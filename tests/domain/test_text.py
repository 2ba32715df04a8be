"""Folding: what search and sorting take for equal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.text import fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [("Crème Brûlée", "creme brulee"), ("STRASSE", "strasse"), ("Straße", "strasse"), ("\ufb01lter", "filter")],
)
def test_case_accents_and_compatibility_forms_are_dropped(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text())
def test_what_is_folded_folds_to_itself(text: str) -> None:
    assert fold(fold(text)) == fold(text)
