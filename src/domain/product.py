"""The product and its registration with the Offers service: their changes, and the texts that are refused."""

import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from domain.errors import InvalidText, PreconditionFailed

NAME_LENGTH = 255
DESCRIPTION_LENGTH = 4_000
# Blanks, controls and what has no width (Default_Ignorable_Code_Point of UAX 44, for which Python has no table), and
# the blank of Braille.
_INVISIBLE = re.compile(
    r"[\s\x01-\x20\x7f-\xa0\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]*"
)
# Controls that turn the direction of what stands behind them, so that a name shows as another (UAX 9), and code points
# that are no characters.
_DECEPTIVE = re.compile(
    "[\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef"
    + "".join(chr(plane * 0x10000 + last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + "]"
)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class RegistrationState(StrEnum):
    """Where a product stands with the Offers service; `rejected` and `conflict` are terminal until an admin retries."""

    PENDING = "pending"
    REGISTERED = "registered"
    REJECTED = "rejected"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Registration:
    """A registration's state and since when; `submitted_at` is the first attempt that may have reached upstream."""

    state: RegistrationState
    since: datetime
    detail: str | None = None
    submitted_at: datetime | None = None


@dataclass(slots=True)
class Product:
    """A catalogue entry; `revision` counts its edits and registration changes, `updated_at` dates the last of them."""

    id: UUID
    name: str
    description: str
    created_at: datetime
    updated_at: datetime
    revision: int
    registration: Registration

    @classmethod
    def create(cls, *, id: UUID, name: str, description: str, at: datetime) -> Self:
        """Make a product that waits for its registration.

        Raises:
            InvalidText: the name or the description cannot be stored.
        """
        return cls(
            id=id,
            name=clean_name(name),
            description=clean_description(description),
            created_at=at,
            updated_at=at,
            revision=1,
            registration=Registration(RegistrationState.PENDING, at),
        )

    def require_revision(self, expected: Container[int] | None) -> None:
        """Check that the product is as the caller knows it, by its revision; None expects nothing.

        Raises:
            PreconditionFailed: it has none of the revisions.
        """
        if expected is not None and self.revision not in expected:
            raise PreconditionFailed(self.revision)

    def amend(self, *, name: str | None = None, description: str | None = None, at: datetime) -> None:
        """Change the given texts; an edit that changes nothing is no revision.

        Raises:
            InvalidText: the name or the description cannot be stored.
        """
        new_name = self.name if name is None else clean_name(name)
        new_description = self.description if description is None else clean_description(description)
        if (new_name, new_description) != (self.name, self.description):
            self.name, self.description = new_name, new_description
            self._revise(at)

    def submit(self, at: datetime) -> None:
        """Note that a registration may reach upstream from now on; the first time counts."""
        if self.registration.submitted_at is None:
            self.registration = replace(self.registration, submitted_at=at)

    def registered(self, at: datetime) -> None:
        """Upstream knows the product."""
        self._move_to(RegistrationState.REGISTERED, at)

    def rejected(self, detail: str, at: datetime) -> None:
        """Upstream does not accept the product; `detail` is its reason."""
        self._move_to(RegistrationState.REJECTED, at, detail)

    def conflicting(self, detail: str, at: datetime) -> None:
        """Upstream has the id for something that is not ours."""
        self._move_to(RegistrationState.CONFLICT, at, detail)

    def forgotten(self, at: datetime) -> None:
        """Upstream no longer knows the product: it has to be registered once more, as if for the first time."""
        self.registration = replace(self.registration, submitted_at=None)
        self._move_to(RegistrationState.PENDING, at)

    def retry_registration(self, at: datetime) -> None:
        """Give a registration that ended badly another chance; a sound one stays as it is."""
        if self.registration.state in (RegistrationState.REJECTED, RegistrationState.CONFLICT):
            self.registration = replace(self.registration, submitted_at=None)
            self._move_to(RegistrationState.PENDING, at)

    def _move_to(self, state: RegistrationState, at: datetime, detail: str | None = None) -> None:
        self.registration = Registration(state, at, detail, self.registration.submitted_at)
        self._revise(at)

    def _revise(self, at: datetime) -> None:
        self.revision += 1
        self.updated_at = at


def clean_name(text: str) -> str:
    """Return the name as it is stored: trimmed and in NFC.

    Raises:
        InvalidText: it is blank, too long, looks like another or cannot be stored.
    """
    name = _storable("name", unicodedata.normalize("NFC", text.strip()))
    if _INVISIBLE.fullmatch(name):
        raise InvalidText("name", "The name must not be blank.")
    if _DECEPTIVE.search(name):
        raise InvalidText("name", "The name must not contain controls of text direction or non-characters.")
    if len(name) > NAME_LENGTH:
        raise InvalidText("name", f"The name must have at most {NAME_LENGTH} characters.")
    return name


def clean_description(text: str) -> str:
    """Return the description, which is stored as it is.

    Raises:
        InvalidText: it is too long or cannot be stored.
    """
    if len(text) > DESCRIPTION_LENGTH:
        raise InvalidText("description", f"The description must have at most {DESCRIPTION_LENGTH} characters.")
    return _storable("description", text)


def _storable(field: str, text: str) -> str:
    if _UNSTORABLE.search(text):
        raise InvalidText(field, f"The {field} must not contain NUL or lone surrogates.")
    return text
