"""The hand that moves a double's world over HTTP: for the demo, rehearsals and benchmarks, on a port of its
own.

JSON in and out. `POST /control/{account}/{verb}` acts as payers, banks and people in the provider's pages
do: the verbs of `Hands`, amounts in minor units. `GET /control/standing` tells what is in the books,
`/control/accounts` whose they are, `/control/stats` what was asked; `POST /control/faults` orders faults,
`/control/hook` enters the address of our webhooks where the provider has no API for that, and
`/control/reset-stats` counts anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from daemon.clock import SystemEntropy
from daemon.errors import Unsupported
from daemon.sandbox.double import Double, Hands
from daemon.sandbox.faults import Fault, FaultKind

Doc = dict[str, Any]
Hook = Callable[[str], None]

VERBS = frozenset(
    {
        "pay",
        "pay_several",
        "overpay",
        "refund",
        "reverse",
        "credit",
        "dispute",
        "close_dispute",
        "void",
        "delete",
        "edit",
        "strangers",
        "enrol",
        "retire",
        "merge",
    }
)
_MAX_BODY = 64 * 1024


class BadRequest(Exception):
    pass


class Populated(Double, Protocol):
    """A double that names its accounts, each of which is `Hands`."""

    def account(self, account_id: str) -> Any: ...

    def accounts(self) -> Sequence[Any]: ...


class ControlApp:
    """A WSGI app; 400 with a sentence where a call does not fit, 404 where there is nothing. `hook` enters
    the webhook's address by hand."""

    def __init__(self, double: Populated, hook: Hook | None = None) -> None:
        self._double = double
        self._hook = hook

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
                return "200 OK", self.read(steps, dict(parse_qsl(environ.get("QUERY_STRING", ""))))
            if environ["REQUEST_METHOD"] == "POST":
                return "200 OK", self.act(steps, _body(environ))
        except KeyError as error:
            return "404 Not Found", {"error": f"there is no {error.args[0]!r}"}
        except Unsupported:
            return "400 Bad Request", {"error": "nobody can do that at this provider"}
        except (BadRequest, TypeError, ValueError) as error:
            return "400 Bad Request", {"error": str(error)}
        return "405 Method Not Allowed", {"error": "GET or POST"}

    # --- what there is --------------------------------------------------------------------------------

    def read(self, steps: list[str], query: Mapping[str, str]) -> Any:
        """Raises KeyError where there is nothing of that name."""
        match steps:
            case ["stats"]:
                return self._stats()
            case ["accounts"]:
                return [{"id": account.id} for account in self._double.accounts()]
            case ["standing"]:
                return self._standing(query.get("account"))
        raise KeyError("/".join(steps))

    def _stats(self) -> Doc:
        double = self._double
        with double.lock:
            statuses = {str(status): count for status, count in double.statuses.items()}
            return {"requests": dict(double.stats), "statuses": statuses, "pending": double.faults.pending}

    def _standing(self, wanted: str | None) -> list[Doc]:
        """Every invoice as it stands there, oldest first; `account` narrows it."""
        accounts = [account.id for account in self._double.accounts()]
        return [
            {"account": name, **asdict(one)}
            for name in accounts
            if wanted in (None, name)
            for one in self.hands(name).standing()
        ]

    # --- what can be done -----------------------------------------------------------------------------

    def act(self, steps: list[str], given: Doc) -> Any:
        """Raises KeyError, BadRequest, ValueError, TypeError or Unsupported."""
        match steps:
            case ["faults"]:
                return self._faults(given)
            case ["reset-stats"]:
                with self._double.lock:
                    self._double.stats.clear()
                    self._double.statuses.clear()
                return {}
            case ["hook"]:
                return self._enter_hook(given)
            case [account_id, verb] if verb in VERBS:
                done = getattr(self.hands(account_id), verb)(**_checked(given))
                return {"id": done} if done is not None else {}
        raise KeyError("/".join(steps))

    def hands(self, account_id: str) -> Hands:
        """Raises KeyError."""
        hands: Hands = self._double.account(account_id)
        return hands

    def _enter_hook(self, given: Doc) -> Doc:
        """`{"url": …}`, "" for nowhere."""
        if self._hook is None:
            raise BadRequest("this provider's webhooks are registered by its API")
        url = given.get("url")
        if given.keys() != {"url"} or not isinstance(url, str) or not _may_be_told(url):
            raise BadRequest('{"url": "https://…"} is needed, or "" for nowhere')
        with self._double.lock:
            self._hook(url)
        return {"url": url}

    def _faults(self, given: Doc) -> Doc:
        """`{"clear": true, "script": [{"kind": …, "on": …, "seconds": …}], "odds": {kind: share},
        "latency_s": 0.2}`, each part optional."""
        unknown = given.keys() - {"clear", "script", "odds", "latency_s"}
        if unknown:
            raise BadRequest(f"unknown: {', '.join(sorted(unknown))}")
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


_TEXTS = ("ref", "number", "name", "email", "phone", "reference", "payer", "into")
_AMOUNTS = ("amount", "total")


def _checked(given: Doc) -> Doc:
    """What a verb is given, of the right types. Raises BadRequest."""
    for name, value in given.items():
        if name in _TEXTS and not isinstance(value, str):
            raise BadRequest(f"{name} is a text")
        if name in _AMOUNTS and not _is_amount(value):
            raise BadRequest(f"{name} is a whole number of minor units, at least 1")
        if name == "won" and not isinstance(value, bool):
            raise BadRequest("won is true or false")
        if name == "amounts" and not (isinstance(value, dict) and all(map(_is_amount, value.values()))):
            raise BadRequest("amounts is an object of refs and minor units")
    return given


def _is_amount(value: Any) -> bool:
    return type(value) is int and value > 0


def _may_be_told(url: str) -> bool:
    """An address that something can be posted to, or none."""
    parts = urlsplit(url)
    return not url or (parts.scheme in ("http", "https") and bool(parts.hostname))


def _fault(entry: Doc) -> Fault:
    return Fault(FaultKind(entry["kind"]), entry.get("on", ""), entry.get("seconds"))


def _body(environ: Doc) -> Doc:
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > _MAX_BODY:
        raise BadRequest("the body is too large")
    given = json.loads(environ["wsgi.input"].read(int(length)) or b"{}")
    if not isinstance(given, dict):
        raise BadRequest("the body is a JSON object")
    return given


def _plain(value: Any) -> Any:
    """Records as their fields; an id is enough of what they point to."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: part for name, part in asdict(value).items() if name != "secret"}
    return str(value)
