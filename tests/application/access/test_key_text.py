"""The text of a key tells by itself whether it was typed right."""

import re

from hypothesis import given
from hypothesis import strategies as st

from application.access.key_text import digest_of, is_well_formed, new_key, prefix_of

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
KEY = new_key()


def test_a_new_key_has_the_form_of_the_contract_and_is_like_no_other() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == len({prefix_of(key) for key in keys}) == len({digest_of(key) for key in keys}) == 100
    assert all(re.fullmatch(r"pak_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}", key) and is_well_formed(key) for key in keys)
    assert {prefix_of(key) == key[:12] for key in keys} == {True}


@given(st.integers(0, len(KEY) - 1), st.sampled_from(ALPHABET + "_-ä\0"))
def test_one_wrong_character_is_noticed(place: int, character: str) -> None:
    typed = KEY[:place] + character + KEY[place + 1 :]
    assert is_well_formed(typed) == (typed == KEY)


@given(st.text(max_size=80))
def test_other_texts_are_no_keys(text: str) -> None:
    for typed in (text, f"pak_{text}", KEY + text, text + KEY):
        assert is_well_formed(typed) == (typed == KEY)


def test_cut_off_and_swapped_characters_are_noticed() -> None:
    swapped = [KEY[:at] + KEY[at + 1] + KEY[at] + KEY[at + 2 :] for at in range(4, len(KEY) - 1)]
    for typed in (*swapped, *(KEY[:length] for length in range(len(KEY))), KEY + "\n", f" {KEY}"):
        assert is_well_formed(typed) == (typed == KEY)
