from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.house import House
from tests.web.building import build_house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    built = build_house(tmp_path)
    yield built
    built.close()
