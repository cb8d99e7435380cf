"""Alerts go out over a notification library (apprise): e-mail, chat, pagers, an HTTP address.

The addresses hold passwords and tokens: they come from one private file of the operator's, and stand in no
log, no repr and no error. The library is large (13 MB) and is imported only when something is sent. Which of
its schemes may be used is a list of ours: none that runs a program, writes a file or reads a configuration.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from daemon.errors import InvalidInput
from daemon.settings import Settings
from daemon.vault.private import read_private_bytes

CREDENTIAL = "alerts.urls"
"""systemd's credential of this name is read, where `[alerts] urls_file` names no file."""

SCHEMES = frozenset(
    {
        "discord",
        "form",
        "forms",
        "gotify",
        "gotifys",
        "json",
        "jsons",
        "mailto",
        "mailtos",
        "matrix",
        "matrixs",
        "mmost",
        "mmosts",
        "ntfy",
        "ntfys",
        "opsgenie",
        "pagerduty",
        "pover",
        "rocket",
        "rockets",
        "signal",
        "signals",
        "slack",
        "smseagle",
        "smseagles",
        "sns",
        "tgram",
        "twilio",
        "workflows",
        "xml",
        "xmls",
        "zulip",
    }
)
CODE = "WB-ALERTS"
NOISY = ("apprise", "urllib3", "requests")
"""Their log lines show addresses."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends to every channel. `fault` says why there is none although a file is there."""

    channels: tuple[SecretStr, ...] = ()
    fault: str | None = None
    names: tuple[str, ...] = field(default=())
    """The scheme of each: all that may be shown of it."""

    @classmethod
    def load(cls, settings: Settings, environ: Mapping[str, str]) -> Sender:
        """From the operator's file. What is wrong with it is kept as `fault`: alerts stop no daemon."""
        credentials = environ.get("CREDENTIALS_DIRECTORY", "")
        path, shared = settings.alerts.urls_file, False
        if path is None and credentials and (Path(credentials) / CREDENTIAL).exists():
            path, shared = Path(credentials) / CREDENTIAL, True
        if path is None:
            return cls()
        try:
            return cls.of(read_private_bytes(path, shared=shared).decode("utf-8", "replace"), str(path))
        except InvalidInput as error:
            return cls(fault=error.message)

    @classmethod
    def of(cls, text: str, source: str = "the file") -> Sender:
        """One address a line; empty lines and those that begin with # are none. Raises InvalidInput that
        shows nothing of a line."""
        found: list[SecretStr] = []
        names: list[str] = []
        for number, line in enumerate(text.splitlines(), start=1):
            url = line.strip()
            if not url or url.startswith("#"):
                continue
            scheme = url.partition("://")[0].lower()
            if "://" not in url or scheme not in SCHEMES:
                raise InvalidInput(CODE, f"line {number} of {source} begins with none of the known schemes")
            found.append(SecretStr(url))
            names.append(scheme)
        return cls(tuple(found), names=tuple(names))

    def send(self, title: str, body: str) -> list[bool]:
        """To each channel in turn; whether it took it. Raises nothing that shows an address."""
        return [_send(channel, title, body) for channel in self.channels]


def _send(channel: SecretStr, title: str, body: str) -> bool:
    with _silence():
        try:
            import apprise

            asset = apprise.AppriseAsset(
                app_id="wispbill", app_desc="wispbill", async_mode=False, plugin_paths=[]
            )
            one = apprise.Apprise(asset=asset)
            if not one.add(channel.get_secret_value()):
                return False
            return bool(one.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT))
        except Exception:  # noqa: BLE001 - whatever a channel's code raises may show its address
            return False


@contextmanager
def _silence(names: Sequence[str] = NOISY) -> Iterator[None]:
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
