"""An installation in a folder: what `wispbill init` wrote, the daemon's database, and the command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner

from daemon import app as house_builder
from daemon import providers
from daemon.cli import app
from daemon.cli.context import Desk
from daemon.house import House
from daemon.settings import Settings, load
from daemon.store import secrets, tenants
from daemon.store.secrets import CREDENTIALS
from tests.builders import Builders

SECRET = "kept-by-nobody-else"


@dataclass
class Said:
    code: int
    text: str


@dataclass
class Installation:
    """`run` is the `wispbill` command with this folder's configuration."""

    folder: Path
    environ: dict[str, str]
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        return self.folder / "wispbill.toml"

    @property
    def key(self) -> Path:
        return self.folder / "master.key"

    @property
    def database(self) -> Path:
        return self.folder / "state" / "wispbill.db"

    @property
    def settings(self) -> Settings:
        return load(self.config, self.environ)

    def run(self, *args: str) -> Said:
        desk = Desk(self.config if self.config.exists() else None, environ=self.environ)
        result = CliRunner().invoke(app, list(args), obj=desk)
        desk.close()
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(result.exit_code, result.output)

    @contextmanager
    def daemon(self) -> Iterator[House]:
        """The House as the daemon builds it, which makes and migrates the database."""
        house = house_builder.build(self.settings, environ=self.environ, migrating=True)
        try:
            yield house
        finally:
            house.close()

    def with_integrations(self, count: int) -> list[str]:
        """A tenant for each, and credentials sealed with the active key."""
        with self.daemon() as house:
            make = Builders(house.store)
            make._counts = self.counts
            made = [make.an_integration() for _ in range(count)]
            for integration in made:
                document = {"secret_key": SECRET, "of": integration.id}
                house.store.write(
                    "test", lambda it=integration, doc=document: house.safe.put(it, CREDENTIALS, doc)
                )
            assert len(tenants.everyone()) >= count
            assert sum(secrets.count_by_key().values()) >= count
            return [integration.id for integration in made]


@pytest.fixture
def blank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """A folder with nothing in it. The commands configure the log of the process; others get it back."""
    monkeypatch.setitem(providers._BUILT_IN, "memory", ("daemon.providers.memory", "Memory"))
    providers.provider_class.cache_clear()
    yield Installation(tmp_path, {"HOME": str(tmp_path)})
    structlog.reset_defaults()


@pytest.fixture
def installed(blank: Installation) -> Installation:
    assert blank.run("init", "--dir", str(blank.folder)).code == 0
    with blank.daemon():
        pass
    return blank
