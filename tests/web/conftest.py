from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.house import House
from tests.api.asking import Office, build_office
from tests.web.building import build_house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    built = build_house(tmp_path)
    yield built
    built.close()


@pytest.fixture
def office(tmp_path: Path, empty_database: Path) -> Iterator[Office]:
    built = build_office(tmp_path, empty_database)
    yield built
    built.house.close()
