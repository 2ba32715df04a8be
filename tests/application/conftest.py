"""The use-cases are made by hand."""

import pytest

from synchronising import Synchronising


@pytest.fixture
def world() -> Synchronising:
    return Synchronising()
