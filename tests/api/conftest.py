from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.asking import Office, build_office


@pytest.fixture
def office(tmp_path: Path, empty_database: Path) -> Iterator[Office]:
    built = build_office(tmp_path, empty_database)
    yield built
    built.house.close()
