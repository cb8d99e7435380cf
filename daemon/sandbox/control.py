"""The hand that moves a double's world over HTTP: for the demo and benchmarks, on a port of its own.

JSON in and out. `POST /control/{account}/{verb}` acts as payers, banks and people in the dashboard do;
`POST /control/faults`, `/control/seed`, `/control/reset-stats` and `GET /control/invoices`,
`/control/stats`, `/control/accounts` serve tests.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any
from urllib.parse import parse_qsl

from daemon.clock import SystemEntropy
from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.stripe import Account, StripeDouble

Doc = dict[str, Any]

VERBS = frozenset(
    {
        "pay",
        "settle",
        "fail",
        "pay_out_of_band",
        "refund",
        "settle_refund",
        "fail_refund",
        "dispute",
        "close_dispute",
        "credit",
        "void",
        "mark_uncollectible",
        "delete_draft",
        "edit",
        "revise",
        "discount_customer",
        "add_tax_rate",
        "loose_intent",
    }
)
_MAX_BODY = 64 * 1024


class _BadRequest(Exception):
    pass


class ControlApp:
    """A WSGI app; 400 with a sentence where a call does not fit, 404 where there is nothing."""

    def __init__(self, double: StripeDouble) -> None:
        self._double = double

    def __call__(self, environ: Doc, start_response: Callable[..., object]) -> Iterable[bytes]:
        status, answer = self._answer(environ)
        body = json.dumps(answer, default=_plain).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start_response(status, headers)
        return [body]

    def _answer(self, environ: Doc) -> tuple[str, Any]:
        steps = environ.get("PATH_INFO", "").strip("/").split("/")[1:]
        try:
            if environ["REQUEST_METHOD"] == "GET":
                return "200 OK", self._read(steps, dict(parse_qsl(environ.get("QUERY_STRING", ""))))
            if environ["REQUEST_METHOD"] == "POST":
                return "200 OK", self._act(steps, _body(environ))
        except KeyError as error:
            return "404 Not Found", {"error": f"there is no {error.args[0]!r}"}
        except (_BadRequest, TypeError, ValueError) as error:
            return "400 Bad Request", {"error": str(error)}
        return "405 Method Not Allowed", {"error": "GET or POST"}

    def _read(self, steps: list[str], query: Mapping[str, str]) -> Any:
        if steps == ["stats"]:
            double = self._double
            with double.lock:
                statuses = {str(status): count for status, count in double.statuses.items()}
                return {
                    "requests": dict(double.stats),
                    "statuses": statuses,
                    "pending": double.faults.pending,
                }
        if steps == ["accounts"]:
            return [{"id": account.id, "livemode": account.livemode} for account in self._double.accounts()]
        if steps == ["invoices"]:
            return self._invoices(query)
        raise KeyError("/".join(steps))

    def _invoices(self, query: Mapping[str, str]) -> list[Doc]:
        """What a check needs of each invoice, oldest first; `account` narrows it."""
        wanted = query.get("account")
        return [
            {
                "id": invoice.id,
                "account": account.id,
                "customer": invoice.customer,
                "number": invoice.number,
                "status": invoice.status,
                "currency": invoice.currency,
                "total": invoice.total,
                "amount_due": invoice.amount_due,
                "amount_paid": invoice.amount_paid,
                "due_date": invoice.due_date,
                "metadata": dict(invoice.metadata),
            }
            for account in self._double.accounts()
            if wanted in (None, account.id)
            for invoice in account.invoices()
        ]

    def _act(self, steps: list[str], given: Doc) -> Any:
        match steps:
            case ["faults"]:
                return self._faults(given)
            case ["seed"]:
                return {"invoices": self._double.seed_invoices(given.pop("key"), given.pop("count"), **given)}
            case ["reset-stats"]:
                with self._double.lock:
                    self._double.stats.clear()
                    self._double.statuses.clear()
                return {}
            case [account_id, verb] if verb in VERBS:
                return getattr(self._account(account_id, given), verb)(**given)
        raise KeyError("/".join(steps))

    def _account(self, account_id: str, given: Doc) -> Account:
        return self._double.account(account_id, livemode=bool(given.pop("livemode", False)))

    def _faults(self, given: Doc) -> Doc:
        """`{"clear": true, "script": [{"kind": …, "on": …, "seconds": …}], "odds": {kind: share},
        "latency_s": 0.2}`, each part optional."""
        unknown = given.keys() - {"clear", "script", "odds", "latency_s"}
        if unknown:
            raise _BadRequest(f"unknown: {', '.join(sorted(unknown))}")
        faults = self._double.faults
        script = [_fault(entry) for entry in given.get("script", ())]
        odds = {FaultKind(kind): float(share) for kind, share in given.get("odds", {}).items()}
        if given.get("clear"):
            faults.clear()
        faults.add(*script)
        if "odds" in given:
            faults.set_odds(odds, SystemEntropy())
        if "latency_s" in given:
            faults.latency_s = float(given["latency_s"])
        return {"pending": faults.pending, "latency_s": faults.latency_s}


def _fault(entry: Doc) -> Fault:
    return Fault(FaultKind(entry["kind"]), entry.get("on", ""), entry.get("seconds"))


def _body(environ: Doc) -> Doc:
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > _MAX_BODY:
        raise _BadRequest("the body is too large")
    given = json.loads(environ["wsgi.input"].read(int(length)) or b"{}")
    if not isinstance(given, dict):
        raise _BadRequest("the body is a JSON object")
    return given


def _plain(value: Any) -> Any:
    """Records as their fields; an id is enough of what they point to."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: part for name, part in asdict(value).items() if name != "secret"}
    return str(value)
