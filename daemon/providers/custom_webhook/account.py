"""The connection test: addresses, a signed test event, the mapping tried, a status asked for."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

from daemon.errors import Garbled, Rejected, Unreachable
from daemon.model import AccountInfo, Mode
from daemon.providers.custom_webhook import answers, mapping
from daemon.providers.custom_webhook.answers import PARTY
from daemon.providers.custom_webhook.canonical import TEST, sample_draft
from daemon.providers.custom_webhook.client import Client
from daemon.providers.custom_webhook.push import body_of, message_id
from daemon.providers.custom_webhook.setup import CustomSettings, Status

PROBE = "wispbill-test"
"""A reference that no invoice has."""


def check(client: Client, settings: CustomSettings, mode: Mode, now: datetime) -> AccountInfo:
    """Nothing is created. What is wrong with settings or answers stands in `missing`; raises RemoteError for
    what befell a request."""
    missing: list[str] = []
    notes: list[str] = []
    _try_mapping(settings, now, missing)
    if settings.test_event == "send":
        _send_test(client, now, missing)
    else:
        notes.append("No test event was sent: the settings say skip.")
    if settings.status is not None:
        _ask_status(client, settings.status, missing)
    else:
        notes.append("Payments cannot be read back here: a person records them, and nobody is cut off.")
    if settings.inbound.profile != "none":
        notes.append("For hints: wispbill integrations webhook tells the address to enter in your system.")
    return AccountInfo(
        account_id=account_id(settings),
        name=settings.account or (urlsplit(settings.create.url).hostname or ""),
        mode=mode,
        currencies=settings.currencies,
        missing=tuple(missing),
        notes=tuple(notes),
    )


def account_id(settings: CustomSettings) -> str:
    """One address serves once, unless the settings name the account behind it."""
    parts = urlsplit(settings.create.url)
    place = f"{parts.netloc.lower()}{parts.path}".rstrip("/")
    return f"{place}#{settings.account}" if settings.account else place


def _try_mapping(settings: CustomSettings, now: datetime, missing: list[str]) -> None:
    currency = (*settings.currencies, "EUR")[0]
    try:
        body_of(sample_draft(currency), settings, now)
    except Rejected as error:
        missing.append(f"The sample invoice cannot be written: {error.message}.")


def _send_test(client: Client, now: datetime, missing: list[str]) -> None:
    """A tiny signed event; the id says that it is a test, and is new each second."""
    event = {"type": TEST, "timestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"), "data": {"reference": PROBE}}
    message = "msg_test_" + message_id(now.isoformat(timespec="seconds"), TEST)[4:21]
    try:
        reply = client.post(mapping.dumps(event).encode(), message, "application/json", PROBE)
    except Rejected as error:
        missing.append(f"The test event was refused: {error.message}; set test_event to skip if it must be.")
        return
    except Unreachable as error:
        if error.status_code is None:
            raise
        missing.append(f"{error.message}.")
        return
    answers.refuse_page(reply)


def _ask_status(client: Client, status: Status, missing: list[str]) -> None:
    reply = client.get(status.url_template, {status.ref_is: PROBE})
    if reply.status_code in (404, 410):
        return
    document = client.document(reply)
    if document is None:
        raise Garbled(f"{PARTY}: the status is empty", party=PARTY, status_code=reply.status_code)
    theirs = answers.word(document, status.paths.status)
    if theirs is None or status.word(theirs) is None:
        missing.append(f"The status of {PROBE} is no word of the table, and not 404.")
