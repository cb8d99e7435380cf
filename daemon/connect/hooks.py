"""Our webhook at a provider: registered through its API, its secret sealed, taken away again."""

from __future__ import annotations

from daemon.errors import InvalidInput, Unsupported
from daemon.house import House
from daemon.store import audit, integrations, records, webhook

ADDRESS = "/api/webhooks/billing/integrations/"


def set_up(house: House, row: records.Integration, *, actor: str) -> records.Integration:
    """Tell the provider our address and keep the secret that it answers with. What was registered
    before is taken away afterwards, so that no moment is without one. Raises InvalidInput, Unsupported or
    RemoteError."""
    receiver = house.settings.receiver
    if not receiver.enabled or not receiver.public_url:
        raise InvalidInput("WB-CONFIG", "set [receiver] enabled and public_url: the provider must reach us")
    url = f"{receiver.public_url}{ADDRESS}{row.id}"
    provider = house.providers(row)
    if not provider.can.registers_webhook:
        raise Unsupported(f"{provider.label} cannot register a webhook; give it {url}")
    made = provider.register_webhook(url)
    keys = webhook.read(house.safe, row).rotated(made.secret, url=url)

    def work() -> None:
        webhook.keep(house.safe, row, keys)
        integrations.update(row.id, webhook_id=made.external_id, webhook_url=url)
        _audit(house, row, "integration.webhook_registered", url, actor)

    house.store.write("integrations.webhook", work)
    if row.webhook_id and row.webhook_id != made.external_id:
        provider.remove_webhook(row.webhook_id)
    return integrations.get(None, row.id)


def prove(house: House, row: records.Integration, *, actor: str) -> None:
    """Ask the provider for a test delivery; what arrives and verifies is written down by the receiver.
    Raises InvalidInput, Unsupported or RemoteError."""
    if row.webhook_id is None:
        raise InvalidInput("WB-INPUT", "no webhook is registered")
    house.providers(row).test_webhook(row.webhook_id)
    url = row.webhook_url or ""
    house.store.write(
        "integrations.webhook", lambda: _audit(house, row, "integration.webhook_tested", url, actor)
    )


def take_away(house: House, row: records.Integration, *, actor: str) -> records.Integration:
    """Take the webhook away there, then forget its secrets here."""
    if row.webhook_id is None:
        raise InvalidInput("WB-INPUT", "no webhook is registered")
    house.providers(row).remove_webhook(row.webhook_id)

    def work() -> None:
        webhook.keep(house.safe, row, webhook.WebhookKeys())
        integrations.update(row.id, webhook_id=None, webhook_url=None)
        _audit(house, row, "integration.webhook_removed", row.webhook_url or "", actor)

    house.store.write("integrations.webhook", work)
    return integrations.get(None, row.id)


def _audit(house: House, row: records.Integration, action: str, url: str, actor: str) -> None:
    now = house.clock.now()
    audit.append(row.tenant_id, actor=actor, action=action, subject=row.id, data={"url": url}, now=now)
