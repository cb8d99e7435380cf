"""Certificates that webhooks are signed with: what the receiver wants is fetched here, through the adapter,
which alone knows which addresses are its provider's own."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import structlog

from daemon.errors import HintRejected, NotFound, RemoteError, StoreError, WispbillError
from daemon.house import House
from daemon.model import RUNNING
from daemon.store import certificates, integrations, records

PAUSE = timedelta(minutes=1)
"""After a fetch that failed; the provider delivers again for days."""

LONGEST = 65_536

log = structlog.get_logger()


def fetch_wanted(house: House) -> int:
    """Fetch what is wanted; returns how many came. A fault of one stops no other. Raises StoreError."""
    fetched = 0
    for row in certificates.wanted():
        if house.stop.is_set():
            break
        if row.tried_at is None or house.clock.now() - row.tried_at >= PAUSE:
            fetched += _fetch(house, row)
    return fetched


def _fetch(house: House, row: records.Certificate) -> bool:
    try:
        integration = integrations.get(None, row.integration_id)
        if integration.state not in RUNNING:
            return False
        pem = _plain(house.providers(integration).certificate(row.url))
    except (HintRejected, NotFound):
        _write(house, partial(certificates.drop, row.integration_id, row.url))
        return False
    except StoreError:
        raise
    except WispbillError as error:
        why = f"{error.code}: {error.message}"
        log.warning("certificates.not_fetched", integration=row.integration_id, url=row.url, why=why)
        now = house.clock.now()
        _write(house, partial(certificates.failed, row.integration_id, row.url, why, now))
        return False
    _write(house, partial(certificates.keep, row.integration_id, row.url, pem, house.clock.now()))
    log.info("certificates.fetched", integration=row.integration_id, url=row.url)
    return True


def _plain(pem: bytes) -> bytes:
    if len(pem) > LONGEST or not pem.isascii():
        raise RemoteError("what came is no certificate")
    return pem


def _write(house: House, work: partial[None]) -> None:
    house.store.write("certificates", work)
