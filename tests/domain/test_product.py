"""What a product accepts, and where its registration may go."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidText
from domain.product import DESCRIPTION_LENGTH, NAME_LENGTH, Product, Registration, RegistrationState
from factories import ProductFactory, some_id

CREATED = datetime(2026, 3, 14, 12, tzinfo=UTC)
LATER = CREATED + timedelta(hours=1)


def create(name: str = "Lamp", description: str = "Gives light.") -> Product:
    return Product.create(id=some_id(), name=name, description=description, at=CREATED)


def product_in(state: RegistrationState) -> Product:
    return ProductFactory.build(registration=Registration(state, CREATED, "why", CREATED), revision=7)


def test_a_new_product_waits_for_its_registration() -> None:
    id = some_id()
    product = Product.create(id=id, name="Lamp", description="", at=CREATED)
    registration = Registration(RegistrationState.PENDING, CREATED, None, None)
    assert product == Product(id, "Lamp", "", CREATED, CREATED, 1, registration)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("  Lamp\t\n", "Lamp"),
        ("\u00a0Lamp\u3000", "Lamp"),
        ("Cafe\u0301", "Café"),
        ("Å", "Å"),
        ("x" * NAME_LENGTH, "x" * NAME_LENGTH),
        (" " + "x" * NAME_LENGTH + " ", "x" * NAME_LENGTH),
        ("e\u0301" * NAME_LENGTH, "é" * NAME_LENGTH),
        ("LAMP lamp", "LAMP lamp"),
    ],
)
def test_names_are_stored_trimmed_and_composed(given: str, stored: str) -> None:
    assert create(name=given).name == stored
    product = create()
    product.amend(name=given, at=LATER)
    assert product.name == stored


@pytest.mark.parametrize(
    "character", ["\u202a", "\u202e", "\u2066", "\u2069", "\ufdd0", "\uffff", "\U0001fffe", "\U0010ffff"]
)
def test_a_name_does_not_show_as_another(character: str) -> None:
    with pytest.raises(InvalidText, match="direction"):
        create(name=f"Lamp{character}gpj.exe")
    with pytest.raises(InvalidText, match="direction"):
        create().amend(name=f"Lamp{character}gpj.exe", at=LATER)


def test_marks_of_direction_are_part_of_names_in_hebrew_and_arabic() -> None:
    for name in ("\u200f\u05de\u05e0\u05e8\u05d4 5W\u200e", "مصباح\u061c"):
        assert create(name=name).name == name


INVISIBLE = [
    "\u200b",  # zero width space
    "\u200d \u2060\ufeff\u00ad",
    "\u200e\u200f\u061c",  # directions
    "\u3164\u115f\u2800",  # fillers, which are letters and symbols to Unicode
    "\u034f\ufe0f\U000e0100\U000e0061",  # joiners, variation selectors and tags
    "\x01\x7f\x85",
]


@pytest.mark.parametrize(
    "name",
    ["", " \t\u00a0\u3000\n", "x" * (NAME_LENGTH + 1), "a\0b", "a\ud800b", "\udfff", "\u202e", *INVISIBLE],
)
def test_names_that_cannot_be_stored_are_refused(name: str) -> None:
    with pytest.raises(InvalidText) as refusal:
        create(name=name)
    assert refusal.value.field == "name"
    product = create()
    with pytest.raises(InvalidText):
        product.amend(name=name, description="new", at=LATER)
    assert (product.name, product.description, product.revision) == ("Lamp", "Gives light.", 1)


@pytest.mark.parametrize("description", ["x" * (DESCRIPTION_LENGTH + 1), "a\0b", "\ud83d"])
def test_descriptions_that_cannot_be_stored_are_refused(description: str) -> None:
    with pytest.raises(InvalidText) as refusal:
        create(description=description)
    assert refusal.value.field == "description"
    product = create()
    with pytest.raises(InvalidText):
        product.amend(name="new", description=description, at=LATER)
    assert (product.name, product.description, product.revision) == ("Lamp", "Gives light.", 1)


@pytest.mark.parametrize("description", ["", "  as it is\n", "x" * DESCRIPTION_LENGTH, "Cafe\u0301"])
def test_descriptions_are_stored_as_they_are(description: str) -> None:
    assert create(description=description).description == description


@pytest.mark.parametrize("invisible", INVISIBLE)
def test_invisible_characters_beside_visible_ones_are_kept(invisible: str) -> None:
    assert create(name=f"a{invisible}b").name == f"a{invisible}b"


@given(st.text(alphabet=st.characters(), max_size=NAME_LENGTH + 5))
def test_an_accepted_name_is_its_own_clean_form_and_encodes(text: str) -> None:
    try:
        name = create(name=text).name
    except InvalidText:
        return
    assert create(name=name).name == name
    assert 1 <= len(name) <= NAME_LENGTH
    assert b"\0" not in name.encode()


def test_an_edit_is_a_revision_and_dates_the_product() -> None:
    product = create()
    product.amend(description="New.", at=LATER)
    assert (product.name, product.description, product.revision) == ("Lamp", "New.", 2)
    assert (product.created_at, product.updated_at) == (CREATED, LATER)


def test_an_edit_that_changes_nothing_is_no_revision() -> None:
    product = create()
    product.amend(name=" Lamp ", description="Gives light.", at=LATER)
    product.amend(at=LATER)
    assert (product.revision, product.updated_at) == (1, CREATED)


def test_the_first_submission_counts_and_is_no_revision() -> None:
    product = create()
    product.submit(LATER)
    product.submit(LATER + timedelta(hours=1))
    assert product.registration == Registration(RegistrationState.PENDING, CREATED, None, LATER)
    assert (product.revision, product.updated_at) == (1, CREATED)


def test_every_end_of_a_registration_is_a_revision() -> None:
    for state, detail in (
        (RegistrationState.REGISTERED, None),
        (RegistrationState.REJECTED, "bad name"),
        (RegistrationState.CONFLICT, "not ours"),
    ):
        product = create()
        product.submit(CREATED)
        match state:
            case RegistrationState.REGISTERED:
                product.registered(LATER)
            case RegistrationState.REJECTED:
                product.rejected("bad name", LATER)
            case _:
                product.conflicting("not ours", LATER)
        assert product.registration == Registration(state, LATER, detail, CREATED)
        assert (product.revision, product.updated_at) == (2, LATER)


def test_a_forgotten_product_is_registered_as_if_for_the_first_time() -> None:
    product = product_in(RegistrationState.REGISTERED)
    product.forgotten(LATER)
    assert product.registration == Registration(RegistrationState.PENDING, LATER, None, None)
    assert (product.revision, product.updated_at) == (8, LATER)


@pytest.mark.parametrize("state", [RegistrationState.REJECTED, RegistrationState.CONFLICT])
def test_a_registration_that_ended_badly_gets_another_chance(state: RegistrationState) -> None:
    product = product_in(state)
    product.retry_registration(LATER)
    assert product.registration == Registration(RegistrationState.PENDING, LATER, None, None)
    assert (product.revision, product.updated_at) == (8, LATER)


@pytest.mark.parametrize("state", [RegistrationState.PENDING, RegistrationState.REGISTERED])
def test_a_sound_registration_stays_as_it_is_on_a_retry(state: RegistrationState) -> None:
    product = product_in(state)
    product.retry_registration(LATER)
    assert product.registration == Registration(state, CREATED, "why", CREATED)
    assert product.revision == 7
