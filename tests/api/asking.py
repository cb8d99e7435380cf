"""An office with two tenants behind the API, a Stripe double behind the house, and a caller with tokens."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from daemon import app as wiring
from daemon.house import House
from daemon.jobs.pull import pull
from daemon.jobs.push import push
from daemon.jobs.visit import Tally, visit
from daemon.sandbox.stripe import Account, StripeDouble
from daemon.sandbox.transport import SandboxTransport
from daemon.settings import load
from daemon.store import customers, integrations, links, records, tenants, tokens
from daemon.store.audit import PLATFORM
from daemon.store.tokens import ApiToken, Role
from daemon.vault import MasterKeys
from daemon.web.listeners import public_app
from daemon.wire import Gate, HttpWire, Wire
from tests.api import promised
from tests.fakes import FrozenClock, SeededEntropy

KEY = "sk_test_canary0123456789abcd"
"""Stripe's key of the first tenant: it must never be seen again."""

OTHER_KEY = "sk_test_canaryother456789efgh"
ADDRESS = "198.51.100.7"


@dataclass
class Got:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["code"])


@dataclass
class Office:
    """Asks as whoever's token is named: `office.ask("POST", path, body, as_="tenant_admin")`."""

    house: House
    clock: FrozenClock
    double: StripeDouble
    account: Account
    tokens: dict[str, str] = field(default_factory=dict)
    rows: dict[str, ApiToken] = field(default_factory=dict)
    everything: bytearray = field(default_factory=bytearray)
    """All that was ever answered."""

    def __post_init__(self) -> None:
        self.app = public_app(self.house)
        self.tenant = self.a_tenant("wisp-1")
        self.other = self.a_tenant("wisp-2")
        self.customer = self.a_customer(self.tenant, "C-1")
        self.neighbour = self.a_customer(self.tenant, "C-2")
        self.foreigner = self.a_customer(self.other, "C-3")
        self.a_token("platform_admin", Role.PLATFORM_ADMIN, PLATFORM)
        for role in (Role.TENANT_ADMIN, Role.TENANT_STAFF, Role.READ_ONLY):
            self.a_token(role.value, role, self.tenant.id)
        self.a_token("customer_owner", Role.CUSTOMER_OWNER, self.tenant.id, self.customer)
        self.a_token("other_admin", Role.TENANT_ADMIN, self.other.id)

    def a_tenant(self, reference: str) -> records.Tenant:
        return self.house.store.write(
            "test",
            lambda: tenants.add(
                reference=reference,
                name=reference,
                zone="UTC",
                currency="USD",
                actor="test",
                now=self.clock.now(),
                entropy=self.house.entropy,
            ),
        )

    def a_customer(self, tenant: records.Tenant, reference: str) -> records.Customer:
        return self.house.store.write(
            "test",
            lambda: customers.add(
                tenant_id=tenant.id,
                reference=reference,
                name="Subscriber 0001",
                email="subscriber0001@example.com",
                actor="test",
                now=self.clock.now(),
                entropy=self.house.entropy,
            ),
        )

    def a_token(
        self, name: str, role: Role, tenant_id: str, customer: records.Customer | None = None, **more: Any
    ) -> ApiToken:
        row, token = self.house.store.write(
            "test",
            lambda: tokens.add(
                tenant_id=tenant_id,
                role=role,
                label=name,
                customer_id=customer.id if customer else None,
                actor="test",
                now=self.clock.now(),
                entropy=self.house.entropy,
                **more,
            ),
        )
        self.tokens[name], self.rows[name] = token, row
        return row

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        as_: str = "tenant_admin",
        raw: bytes | None = None,
        tenant: str | None = None,
        token: str | None = None,
        **headers: str,
    ) -> Got:
        """`raw` in place of a body; headers as `if_match="…"`."""
        environ = self._environ(method, path, body, raw)
        secret = token if token is not None else self.tokens.get(as_)
        if secret:
            environ["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
        if tenant is None and as_ == "platform_admin":
            tenant = self.tenant.reference
        if tenant:
            environ["HTTP_WISPBILL_TENANT"] = tenant
        environ |= {
            f"HTTP_{name.upper()}": value for name, value in headers.items() if name != "content_type"
        }
        environ |= {"CONTENT_TYPE": headers["content_type"]} if "content_type" in headers else {}
        got = self._answered(environ)
        promised.check(method, path.partition("?")[0], got.status, got.headers["content-type"], got.body)
        return got

    def get(self, path: str, **more: Any) -> Any:
        """The document of an answer that is 200."""
        got = self.ask("GET", path, **more)
        assert got.status == 200, got.body
        return got.json

    def post(self, path: str, body: object = None, status: int = 201, **more: Any) -> Any:
        got = self.ask("POST", path, {} if body is None else body, **more)
        assert got.status == status, got.body
        return got.json

    def push(self) -> list[Tally | None]:
        self.house.store.write("test", lambda: links.assign(self.clock.now()))
        return [visit(self.house, one, "push", push) for one in integrations.due_for_push(self.clock.now())]

    def pull(self) -> list[Tally | None]:
        return [visit(self.house, one, "pull", pull) for one in integrations.due_for_pull(self.clock.now())]

    def _environ(self, method: str, path: str, body: object, raw: bytes | None) -> dict[str, Any]:
        plain, _, query = path.partition("?")
        sent = raw if raw is not None else (json.dumps(body).encode() if body is not None else b"")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "PATH_INFO": unquote(plain, encoding="latin-1"),
            "REQUEST_URI": path,
            "QUERY_STRING": query,
            "REMOTE_ADDR": ADDRESS,
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.input": io.BytesIO(sent),
        }
        if sent or method in ("POST", "PUT", "PATCH"):
            environ["CONTENT_LENGTH"] = str(len(sent))
        if sent:
            environ["CONTENT_TYPE"] = "application/json"
        return environ

    def _answered(self, environ: dict[str, Any]) -> Got:
        started: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
            started.update(status=int(status[:3]), headers={name.lower(): value for name, value in headers})

        body = b"".join(self.app(environ, start))
        self.everything += body + json.dumps(started["headers"]).encode()
        return Got(started["status"], started["headers"], body)


def build_office(folder: Path, empty_database: Path, **settings: object) -> Office:
    shutil.copy(empty_database, folder / "wispbill.db")
    clock, entropy = FrozenClock(), SeededEntropy()
    double = StripeDouble(clock, entropy, rates=False)

    def make_wire(party: str, gate: Gate, deadline_s: float) -> Wire:
        return HttpWire(
            party, clock=clock, gate=gate, deadline_s=deadline_s, transport=SandboxTransport(double)
        )

    environ = {f"WISPBILL_{name.upper()}": str(value) for name, value in settings.items()}
    environ |= {
        "WISPBILL_DAEMON__STATE_DIR": str(folder),
        "WISPBILL_RECEIVER__PUBLIC_URL": "https://billing.example.com",
    }
    house = wiring.build(
        load(None, environ),
        clock=clock,
        entropy=entropy,
        keys=MasterKeys.generate(entropy),
        make_wire=make_wire,
        migrating=True,
        fast=True,
    )
    account = double.add_account(key=KEY)
    double.add_account(key=OTHER_KEY)
    return Office(house, clock, double, account)
