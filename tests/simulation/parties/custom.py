"""A customer's own system that speaks JSON, tells what changed, and signs its hints."""

from __future__ import annotations

import base64
from typing import Any

from daemon.sandbox.custom_webhook import CustomDouble
from daemon.sandbox.double import BaseDouble, Hands
from tests.simulation.parties.hands import HandsParty

API_KEY = "simulation-api-key-0001"


def _secret(byte: int) -> str:
    return "whsec_" + base64.b64encode(bytes([byte]) * 32).decode()


SIGNING, INBOUND = _secret(1), _secret(2)
ROOT = "https://billing.example.com"


class CustomParty(HandsParty):
    provider = "custom_webhook"
    account_id = "billing.example.com"
    feed_path = "updated_since"
    clock_off_s = (0.0, -200.0, 200.0)

    def found(self) -> tuple[BaseDouble, Hands]:
        double = CustomDouble(self.time, self.entropy, public_url=self.base_url(), faults=self.faults)
        self._account = double.add_account(API_KEY, secrets=[SIGNING])
        return double, self._account

    @classmethod
    def credentials(cls) -> dict[str, Any]:
        return {"api_key": API_KEY, "signing_secret": SIGNING, "inbound_secret": INBOUND}

    @classmethod
    def settings(cls) -> dict[str, Any]:
        names = (
            "status",
            "reference",
            "number",
            "customer",
            "currency",
            "total",
            "amount_paid",
            "amount_due",
        )
        paths = {name: name for name in (*names, "due_date", "updated_at", "view_url")}
        return {
            "create": {"url": f"{ROOT}/hooks/invoices", "response": {"external_id": "id"}},
            "status": {
                "url_template": f"{ROOT}/api/invoices/{{external_id}}",
                "lookup_url_template": f"{ROOT}/api/references/{{reference}}",
                "changes": {
                    "url_template": f"{ROOT}/api/invoices?updated_since={{since}}&page={{page}}",
                    "items": "invoice",
                },
                "paths": {
                    **paths,
                    "external_id": "id",
                    "payments": {"items": "payments", "id": "id", "amount": "amount", "at": "at"},
                    "refunds": {"items": "refunds", "id": "id", "amount": "amount", "at": "at"},
                },
            },
            "hint_path": "data.invoice",
        }

    @classmethod
    def webhook_secret(cls) -> str:
        return INBOUND

    def hook(self) -> None:
        self._account.hint_url, self._account.hint_secret = f"{self.base_url()}/hook", INBOUND

    def unhook(self) -> None:
        self._account.hint_url = ""
