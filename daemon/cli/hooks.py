"""Our webhook at a provider: registered through its API, its secret sealed, taken away again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.errors import InvalidInput, Unsupported

if TYPE_CHECKING:
    from daemon.cli.context import Desk
    from daemon.store import records

ADDRESS = "/api/webhooks/billing/integrations/"


def set_up(desk: Desk, row: records.Integration) -> records.Integration:
    """Tell the provider our address and keep the secret that it answers with. What was registered
    before is taken away afterwards, so that no moment is without one. Raises InvalidInput, Unsupported or
    RemoteError."""
    from daemon.store import integrations, webhook

    public = desk.settings.receiver.public_url
    if not desk.settings.receiver.enabled or not public:
        raise InvalidInput("WB-CONFIG", "set [receiver] enabled and public_url: the provider must reach us")
    provider = desk.house.providers(row)
    if not provider.can.registers_webhook:
        raise Unsupported(f"{provider.label} cannot register a webhook; give it {public}{ADDRESS}{row.id}")
    url = f"{public}{ADDRESS}{row.id}"
    made = provider.register_webhook(url)
    keys = webhook.read(desk.house.safe, row).rotated(made.secret, url=url)

    def work() -> None:
        webhook.keep(desk.house.safe, row, keys)
        integrations.update(row.id, webhook_id=made.external_id, webhook_url=url)
        _audit(desk, row, "integration.webhook_registered", url)

    desk.write("integrations.webhook", work)
    if row.webhook_id and row.webhook_id != made.external_id:
        provider.remove_webhook(row.webhook_id)
    return integrations.get(None, row.id)


def take_away(desk: Desk, row: records.Integration) -> records.Integration:
    """Take the webhook away there, then forget its secrets here."""
    from daemon.store import integrations, webhook

    if row.webhook_id is None:
        raise InvalidInput("WB-INPUT", "no webhook is registered")
    desk.house.providers(row).remove_webhook(row.webhook_id)

    def work() -> None:
        webhook.keep(desk.house.safe, row, webhook.WebhookKeys())
        integrations.update(row.id, webhook_id=None, webhook_url=None)
        _audit(desk, row, "integration.webhook_removed", row.webhook_url or "")

    desk.write("integrations.webhook", work)
    return integrations.get(None, row.id)


def _audit(desk: Desk, row: records.Integration, action: str, url: str) -> None:
    from daemon.store import audit

    audit.append(
        row.tenant_id, actor=desk.actor, action=action, subject=row.id, data={"url": url}, now=desk.now
    )
