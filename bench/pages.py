"""The office's pages at 100,000 invoices: the server's time for each, without the network."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any
from urllib.parse import urlencode, urlsplit

from pydantic import SecretStr

from bench.filled import EACH, fill
from bench.harness import Figure, connect, folder, house
from daemon.house import House
from daemon.store import staff, statistics
from daemon.store.tokens import Role
from daemon.vault import passwords
from daemon.web.listeners import public_app

PASSWORD = "a long enough password"
TIMES = 15
AIM_MS = 50.0
HOST = "127.0.0.1:8470"


def rows(quick: bool) -> Iterator[Figure]:
    count = 2000 if quick else 100_000
    with folder() as path, house(path, "") as built:
        tenant_id = _filled(built, count)
        office = Office(public_app(built))
        office.sign_in()
        bare = office.time("/dashboard/account")
        at = f"/dashboard/{tenant_id}"
        number, person = count - 3, (count - 1) // EACH
        customer = office.first(f"{at}/customers", r"customers/(wbc_\w+)")
        invoice = office.first(f"{at}/invoices", r"invoices/(wbi_\w+)")
        pages = {
            "overview": "overview",
            "invoices, newest": "invoices",
            "invoices, those that are open": "invoices?status=open",
            "invoices, those that were refused": "invoices?sync=failed",
            "invoices, from the middle": f"invoices?after={invoice[:12]}",
            "customers": "customers",
            "a customer": f"customers/{customer}",
            "an invoice with its story": f"invoices/{invoice}",
            "search by number": f"search?q=INV-{number:07}",
            "search by name": f"search?q=subscriber%20{person:06}",
            "search by telephone": f"search?q=555%20{person:07}",
            "search by the provider's number": f"search?q=in_{number:012}",
            "search for nobody": "search?q=nobody%20at%20all",
            "inbox": "inbox",
            "audit": "audit",
            "what needs somebody": "needs",
            "charts, drawn before": "charts",
        }
        for name, page in pages.items():
            office.ask("GET", f"{at}/{page}")  # the first one pays for what is kept
            yield _figure(name, count, office.time(f"{at}/{page}"), bare)
        office.sign_in("ops@example.com")
        yield _figure("all tenants", count, office.time("/dashboard/tenants"), bare)


def _figure(name: str, count: int, ours: float, bare: float) -> Figure:
    return Figure(
        f"page: {name}, {count:,} invoices",
        f"{ours:.1f} ms",
        f"{bare:.1f} ms (a page with nothing to ask)",
        f"{ours / bare:.1f} times",
        f"{AIM_MS:.0f} ms",
        ours <= AIM_MS,
    )


def _filled(built: House, count: int) -> str:
    integration = connect(built)
    fill(built, integration, count)
    built.store.write("bench.statistics", lambda: statistics.refresh(built.store))
    phc = passwords.hashed(SecretStr(PASSWORD), built.entropy)
    for email, role, tenant_id in (
        ("office@example.com", Role.TENANT_ADMIN, integration.tenant_id),
        ("ops@example.com", Role.PLATFORM_ADMIN, staff.PLATFORM),
    ):
        built.store.write(
            "bench.staff",
            lambda email=email, role=role, tenant_id=tenant_id: staff.add(
                tenant_id=tenant_id,
                email=email,
                name="",
                role=role,
                password=phc,
                actor="bench",
                now=built.clock.now(),
                entropy=built.entropy,
            ),
        )
    return integration.tenant_id


@dataclass
class Office:
    """A browser at the WSGI application."""

    app: Any
    cookies: dict[str, str] = field(default_factory=dict)

    def sign_in(self, email: str = "office@example.com") -> None:
        self.cookies.clear()
        form = self.ask("GET", "/dashboard/sign-in")[1].decode()
        token = re.search(r'name="token" value="([^"]+)"', form)
        assert token is not None
        fields = {"token": token[1], "email": email, "password": PASSWORD}
        assert self.ask("POST", "/dashboard/sign-in", urlencode(fields).encode())[0] == 303

    def time(self, path: str) -> float:
        """Milliseconds of this thread, the median: what other work on the machine takes is not in it. All
        that a page needs happens in the thread, and SQLite's pages are in memory."""
        taken = []
        for _ in range(TIMES):
            began = time.thread_time()
            status, _body = self.ask("GET", path)
            taken.append((time.thread_time() - began) * 1000)
            assert status == 200, path
        return median(taken)

    def first(self, path: str, pattern: str) -> str:
        found = re.search(pattern, self.ask("GET", path)[1].decode())
        assert found is not None
        return found[1]

    def ask(self, method: str, path: str, raw: bytes = b"") -> tuple[int, bytes]:
        parts = urlsplit(path)
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": HOST,
            "HTTP_COOKIE": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "CONTENT_TYPE": "application/x-www-form-urlencoded",
            "CONTENT_LENGTH": str(len(raw)),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(raw),
        }
        started: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
            started[:] = [int(status[:3]), headers]

        body = b"".join(self.app(environ, start))
        for name, value in started[1]:
            if name == "Set-Cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]
        return started[0], body
