"""The use-cases are made by hand."""

import pytest

from fakes.synchronisation import Synchronising


@pytest.fixture
def world() -> Synchronising:
    return Synchronising()
