"""What a webhook is verified with: the address as it was registered, and the secrets now valid.

Sealed under the field `webhook` of its integration or app, as {"url": …, "secrets": [newest, previous]}.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from daemon.errors import VaultError
from daemon.store.secrets import WEBHOOK, Owner, Safe

KEPT = 2
"""Secrets that are valid at once: a provider signs with the old one until its rotation is through."""


@dataclass(frozen=True, slots=True)
class WebhookKeys:
    """`url` is what the provider was told; `secrets` are plain text, newest first, and never shown."""

    url: str = ""
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def rotated(self, secret: str, *, url: str | None = None) -> WebhookKeys:
        """With a new secret first; the one before it stays valid, older ones do not."""
        others = [known for known in self.secrets if known != secret]
        return WebhookKeys(self.url if url is None else url, (secret, *others)[:KEPT])

    def settled(self) -> WebhookKeys:
        """The rotation is through: only the newest secret counts."""
        return WebhookKeys(self.url, self.secrets[:1])


def read(safe: Safe, owner: Owner) -> WebhookKeys:
    """Empty where no webhook was set up: nothing verifies then. Raises VaultError."""
    document = safe.open(owner, WEBHOOK)
    if document is None:
        return WebhookKeys()
    try:
        return WebhookKeys(str(document["url"]), tuple(str(secret) for secret in document["secrets"]))
    except (KeyError, TypeError) as error:
        raise VaultError("the sealed webhook secrets are not of the form that this version reads") from error


def keep(safe: Safe, owner: Owner, keys: WebhookKeys) -> None:
    """Inside a transaction: seal them in place of what is there. Raises StoreError where somebody else
    wrote it meanwhile."""
    safe.put(owner, WEBHOOK, {"url": keys.url, "secrets": list(keys.secrets)})
