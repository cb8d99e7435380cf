"""Acme Pay as its documentation describes it, in memory: a WSGI application with people around it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from tests.sample_provider.acmepay import sign

Doc = dict[str, Any]


class Refused(Exception):
    def __init__(self, status: str, error: str) -> None:
        super().__init__(error)
        self.status, self.error = status, error


class AcmeDouble:
    """One account. What `app(environ, start_response)` answers is what Acme Pay would."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.payers: dict[str, Doc] = {}
        self.invoices: dict[str, Doc] = {}
        self.changes: list[Doc] = []
        self.webhooks: dict[str, Doc] = {}
        self.sent: list[str] = []
        self.busy = False
        self.calls_left = 50_000
        self._answers: dict[str, Doc] = {}

    def __call__(self, environ: Doc, start_response: Callable[..., object]) -> Iterable[bytes]:
        try:
            status, answer = "200 OK", self._answer(environ)
        except Refused as error:
            status, answer = error.status, {"error": error.error}
        body = json.dumps(answer).encode()
        self.calls_left -= 1
        headers = {"Content-Type": "application/json", "Acme-Calls-Left": str(self.calls_left)}
        start_response(status, [*headers.items(), ("Content-Length", str(len(body)))])
        return [body]

    # --- what people do there -------------------------------------------------------------------------

    def pay(self, ref: str, amount: int) -> None:
        invoice = self.invoices[ref]
        payment = {"id": f"pay_{len(self.changes)}", "amount": amount, "method": "card"}
        paid = invoice["paid"] + amount
        state = "paid" if paid >= invoice["total"] else "sent"
        self._change(ref, payments=[*invoice["payments"], payment], paid=paid, state=state)

    def void(self, ref: str) -> None:
        if self.invoices[ref]["paid"]:
            raise Refused("409 Conflict", "the invoice has payments")
        self._change(ref, state="void")

    def delivery(self, ref: str) -> tuple[bytes, dict[str, str], str]:
        """The webhook of the last change to an invoice: body, headers, and the secret that signed it."""
        change = next(row for row in reversed(self.changes) if row["invoice"] == ref)
        secret = next((str(hook["secret"]) for hook in self.webhooks.values()), "acme-secret-1")
        body = json.dumps(change).encode()
        return body, {"acme-signature": sign(body, secret)}, secret

    # --- the API --------------------------------------------------------------------------------------

    def _answer(self, environ: Doc) -> Doc:
        if environ.get("HTTP_AUTHORIZATION") != f"Bearer {self.token}":
            raise Refused("401 Unauthorized", "unknown token")
        if self.busy:
            raise Refused("429 Too Many Requests", "slow down")
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        key = environ.get("HTTP_REQUEST_ID")
        if key and key in self._answers:
            return self._answers[key]
        query = {name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        steps = environ["PATH_INFO"].strip("/").split("/")[1:]
        answer = self._do(environ["REQUEST_METHOD"], steps, query, json.loads(body or b"{}"))
        if key:
            self._answers[key] = answer
        return answer

    def _do(self, method: str, steps: list[str], query: dict[str, str], body: Doc) -> Doc:
        match method, steps:
            case "GET", ["account"]:
                return {"id": "acme_1", "name": "Account 0001", "currency": "USD"}
            case "GET", ["payers" | "invoices" as kind]:
                rows = (self.payers if kind == "payers" else self.invoices).values()
                live = [row for row in rows if row.get("state") != "void"]
                return {"found": [row for row in live if row["reference"] == query["reference"]]}
            case "POST", ["payers"]:
                return self.payers.setdefault(ref := f"payer_{len(self.payers) + 1}", body | {"id": ref})
            case "POST", ["invoices"]:
                return self._create(body)
            case "GET", ["invoices", ref]:
                return self._invoice(ref)
            case "POST", ["invoices", ref, "send"]:
                self.sent.append(self._invoice(ref)["id"])
                return self._change(ref, state="sent")
            case "POST", ["invoices", ref, "void"]:
                self.void(self._invoice(ref)["id"])
                return self.invoices[ref]
            case "GET", ["changes", "last"]:
                return {"number": len(self.changes)}
            case "GET", ["changes"]:
                page = self.changes[int(query["after"]) :][:100]
                return {"changes": page, "more": bool(page) and page[-1]["number"] < len(self.changes)}
            case "POST", ["webhooks"]:
                hook = {"id": f"hook_{len(self.webhooks) + 1}", "secret": "acme-secret-1", **body}
                return self.webhooks.setdefault(str(hook["id"]), hook)
            case "DELETE", ["webhooks", ref] if ref in self.webhooks:
                return self.webhooks.pop(ref)
        raise Refused("404 Not Found", "there is no such thing")

    def _create(self, body: Doc) -> Doc:
        ref = f"inv_{len(self.invoices) + 1}"
        total = sum(int(line["amount"]) for line in body["lines"])
        facts = {"id": ref, "total": total, "paid": 0, "payments": [], "version": 0}
        self.invoices[ref] = body | facts | {"pay_url": f"https://pay.example.com/{ref}"}
        return self._change(ref, state="draft")

    def _invoice(self, ref: str) -> Doc:
        if ref not in self.invoices:
            raise Refused("404 Not Found", "there is no such invoice")
        return self.invoices[ref]

    def _change(self, ref: str, **fields: Any) -> Doc:
        self.changes.append({"number": len(self.changes) + 1, "invoice": ref})
        changed = self.invoices[ref] | fields | {"version": len(self.changes)}
        self.invoices[ref] = changed
        return changed


class AcmeBooksDouble(AcmeDouble):
    """The same documents behind minted tokens, and batches without keys."""

    def __init__(self, client_id: str, client_secret: str) -> None:
        super().__init__("")
        self.client = {"id": client_id, "secret": client_secret}
        self.minted = 0

    def expire(self) -> None:
        """The token that is out is worth nothing from now on."""
        self.token = "expired"

    def delivery(self, ref: str) -> tuple[bytes, dict[str, str], str]:
        body, _headers, secret = super().delivery(ref)
        body = json.dumps(json.loads(body) | {"account": "acme_1"}).encode()
        return body, {"acme-signature": sign(body, secret)}, secret

    def _answer(self, environ: Doc) -> Doc:
        if environ["PATH_INFO"] != "/v1/token":
            return super()._answer(environ)
        given = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        if given != self.client:
            raise Refused("401 Unauthorized", "unknown client")
        self.minted += 1
        self.token = f"minted-{self.minted}"
        return {"token": self.token, "lasts_s": 1800}

    def _do(self, method: str, steps: list[str], query: dict[str, str], body: Doc) -> Doc:
        match method, steps:
            case "GET", ["invoices"] if "ids" in query:
                ids = query["ids"].split(",")
                return {"found": [row for row in self.invoices.values() if row["id"] in ids]}
            case "GET", ["invoices"] if "references" in query:
                wanted = query["references"].split(",")
                live = [row for row in self.invoices.values() if row["state"] != "void"]
                return {"found": [row for row in live if row["reference"] in wanted]}
            case "POST", ["invoices", "batch"]:
                return {"made": [self._one(given) for given in body["invoices"]]}
            case "POST", ["invoices", "send"]:
                for ref in body["ids"]:
                    super()._do("POST", ["invoices", ref, "send"], {}, {})
                return {"sent": body["ids"]}
        return super()._do(method, steps, query, body)

    def _one(self, given: Doc) -> Doc:
        if any(row["number"] == given["number"] for row in self.invoices.values()):
            return {"error": f"there is an invoice {given['number']}"}
        return {"id": self._create(given)["id"]}
