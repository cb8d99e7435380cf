"""A customer with a link into the portal, before the office of the API's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.asking import Office, build_office
from tests.browsing import Browser
from tests.portal.entering import entered


@pytest.fixture
def office(tmp_path: Path, empty_database: Path) -> Iterator[Office]:
    built = build_office(tmp_path, empty_database)
    yield built
    built.house.close()


@pytest.fixture
def browser(office: Office) -> Browser:
    """Signed in as the office's customer."""
    return entered(office, office.customer)
