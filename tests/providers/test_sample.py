"""The sample of docs/adding-a-provider.md keeps the contract, and the house takes it as it is."""

from __future__ import annotations

import json
import re
import threading
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError
from typer.testing import CliRunner

import daemon.providers as registry
from daemon import app as wiring
from daemon.cli import app
from daemon.cli.context import Desk
from daemon.clock import SystemClock
from daemon.errors import Garbled, HintRejected, OutcomeUnknown, Rejected, StepStuck, Unauthorised
from daemon.gate import IntegrationGate
from daemon.model import Asked, Delivery, DocStatus, InvoiceDraft, Mode
from daemon.money import Money
from daemon.policy import left, restored
from daemon.providers import provider_class
from daemon.providers.base import Context, ProviderSettings
from daemon.providers.contract import Bench, PlainJournal, PlainJournals, ProviderContract
from daemon.providers.oauth import TokenSet
from daemon.sandbox.transport import SandboxTransport, SpoilingTransport
from daemon.settings import load
from daemon.wire import Gate, HttpWire, Reply, Wire
from tests.providers.stripe_script import a_draft
from tests.sample_provider.acmebooks import AcmeBooks, BooksCredentials
from tests.sample_provider.acmepay import AcmeCredentials, AcmePay, sign
from tests.sample_provider.double import AcmeBooksDouble, AcmeDouble

SAMPLE = Path(__file__).parents[1] / "sample_provider"
PAGE = Path(__file__).parents[2] / "docs" / "adding-a-provider.md"
TOKEN = "test_0123456789abcdef"
CLIENT = {"client_id": "client_0001", "client_secret": "books-secret-0001"}


class LossyWire:
    """Passes on, but for one write that is lost, or whose answer is."""

    def __init__(self, inner: Wire) -> None:
        self._inner = inner
        self.lose: tuple[int, bool] | None = None

    def request(self, method: str, url: str, **options: Any) -> Reply:
        if method == "GET" or self.lose is None:
            return self._inner.request(method, url, **options)
        after, lands = self.lose
        self.lose = (after - 1, lands) if after else None
        if after or lands:
            reply = self._inner.request(method, url, **options)
        if not after:
            raise OutcomeUnknown(party="Acme Pay")
        return reply

    def told(self, name: str, remaining: float, resets_in_s: float | None = None) -> None:
        self._inner.told(name, remaining, resets_in_s)

    def close(self) -> None:
        self._inner.close()


class AcmeBench(Bench):
    secrets = (TOKEN,)

    def __init__(self) -> None:
        self.double = AcmeDouble(TOKEN)
        self.spoiling = SpoilingTransport(SandboxTransport(self.double))
        self.wire = LossyWire(a_wire(self.spoiling))

    def adapter(self) -> AcmePay:
        credentials = AcmeCredentials(token=TOKEN)
        return AcmePay(Context(credentials, ProviderSettings(), self.wire, credentials.mode))

    def lose_answer(self, *, after: int) -> None:
        self.wire.lose = (after, True)

    def lose_request(self, *, after: int) -> None:
        self.wire.lose = (after, False)

    def spoil(self, fault: str, *, after: int) -> None:
        self.spoiling.spoil(fault, after=after)

    def unspoil(self) -> None:
        self.spoiling.unspoil()

    @property
    def spoilt(self) -> bool:
        return not self.spoiling.pending

    def refuse_credentials(self) -> None:
        self.double.token = "test_another"

    def throttle(self) -> None:
        self.double.busy = True

    def live(self, reference: str) -> int:
        rows = self.double.invoices.values()
        return sum(row["reference"] == reference and row["state"] != "void" for row in rows)

    def sent(self, ref: str) -> int:
        return self.double.sent.count(ref)

    def payers(self) -> int:
        return len(self.double.payers)

    def pay(self, ref: str, amount: Money) -> None:
        self.double.pay(ref, amount.minor)

    def void(self, ref: str) -> None:
        self.double.void(ref)

    def pass_time(self, seconds: float) -> None:
        pass

    def delivery(self, ref: str) -> Delivery:
        body, headers, secret = self.double.delivery(ref)
        return Delivery(body, headers, "https://wisp.example/hook", (secret,), SystemClock().now())


class TestAcmePay(ProviderContract):
    @pytest.fixture
    def bench(self) -> Bench:
        return AcmeBench()


def a_wire(transport: httpx.BaseTransport, gate: Gate | None = None) -> Wire:
    clock, stop = SystemClock(), threading.Event()
    gate = gate or IntegrationGate(party="Acme Pay", limits=(), clock=clock, stop=stop)
    return HttpWire("Acme Pay", gate=gate, clock=clock, transport=transport)


class Keeper:
    """What the house does about minted tokens: one is shared until it is refused."""

    def __init__(self, mint: Callable[[], TokenSet]) -> None:
        self._mint = mint
        self._token = mint().access

    def access(self) -> SecretStr:
        return self._token

    def renewed(self, refused: SecretStr) -> SecretStr:
        if refused == self._token:
            self._token = self._mint().access
        return self._token


class BooksBench(AcmeBench):
    secrets = (CLIENT["client_secret"],)

    def __init__(self) -> None:
        super().__init__()
        self.double = AcmeBooksDouble(*CLIENT.values())
        self.spoiling = SpoilingTransport(SandboxTransport(self.double))
        self.wire = LossyWire(a_wire(self.spoiling))
        context = Context(BooksCredentials(**CLIENT), ProviderSettings(), self.wire, Mode.SANDBOX)
        self.context = replace(context, tokens=Keeper(partial(AcmeBooks.mint, context)))

    def adapter(self) -> AcmeBooks:
        return AcmeBooks(self.context)

    def refuse_credentials(self) -> None:
        self.double.client = {}
        self.double.expire()


class TestAcmeBooks(ProviderContract):
    @pytest.fixture
    def bench(self) -> Bench:
        return BooksBench()


# --- what is peculiar ---------------------------------------------------------------------------------


def test_a_total_that_differs_is_withdrawn_before_it_is_sent() -> None:
    bench, draft = AcmeBench(), a_draft()
    create = bench.double._create
    bench.double._create = lambda body: create(body | {"lines": [*body["lines"], {"amount": 1}]})  # type: ignore[method-assign]

    with pytest.raises(StepStuck) as caught:
        bench.adapter().push_one(draft, PlainJournal())

    assert caught.value.code == "WB-PUSH-TOTAL"
    assert (bench.live(draft.reference), bench.double.sent) == (0, [])


def test_a_word_that_is_new_is_unknown_and_a_field_that_is_gone_is_garbled() -> None:
    bench = AcmeBench()
    ref = bench.adapter().push_one(a_draft(), PlainJournal()).ref
    bench.double.invoices[ref]["state"] = "half_forgotten"
    (seen,) = bench.adapter().pull([Asked(ref)])
    assert seen.status is DocStatus.UNKNOWN

    del bench.double.invoices[ref]["total"]
    with pytest.raises(Garbled, match="'total'"):
        list(bench.adapter().pull([Asked(ref)]))


def test_a_signed_delivery_that_is_no_event_is_rejected() -> None:
    body = b"[]"
    headers = {"acme-signature": sign(body, "s")}
    with pytest.raises(HintRejected):
        AcmeBench().adapter().read_hints(Delivery(body, headers, "", ("s",), SystemClock().now()))


def test_a_token_tells_its_mode_and_a_wrong_one_is_refused_unseen() -> None:
    assert AcmeCredentials(token="live_0123456789abcdef").mode is Mode.LIVE
    with pytest.raises(ValidationError) as caught:
        AcmeCredentials(token="nonsense-of-mine")
    assert "nonsense-of-mine" not in str(caught.value)


def test_what_its_headers_say_is_left_of_the_day_corrects_our_budget() -> None:
    double, clock = AcmeDouble(TOKEN), SystemClock()
    gate = IntegrationGate(party="Acme Pay", limits=AcmePay.can.limits, clock=clock, stop=threading.Event())
    credentials = AcmeCredentials(token=TOKEN)
    wire = a_wire(SandboxTransport(double), gate)
    adapter = AcmePay(Context(credentials, ProviderSettings(), wire, credentials.mode))
    double.calls_left = 11

    adapter.check()

    (day,) = (limit for limit in AcmePay.can.limits if limit.name == "day")
    meters = {key: restored(kept) for key, kept in gate.dump()[0].items()}
    assert left(meters, day, clock.now()) == 10


# --- what is peculiar to its larger sister ------------------------------------------------------------


def drafts(count: int) -> list[InvoiceDraft]:
    first = a_draft()
    return [
        replace(
            first,
            reference=f"{first.reference}{n}",
            platform_reference=f"{first.platform_reference}{n}",
            number=f"B-{n}",
        )
        for n in range(count)
    ]


def test_a_batch_is_created_and_sent_in_one_call_each() -> None:
    bench, batch = BooksBench(), drafts(25)
    list(bench.adapter().push([replace(batch[0], number="B-100", reference="WB-FIRST")], PlainJournals()))
    before = bench.spoiling.requests

    results = list(bench.adapter().push(batch, PlainJournals()))

    assert [result.error for result in results] == [None] * 25
    assert len(bench.double.sent) == 26
    assert bench.spoiling.requests - before == 1 + 4  # the payer's look; create, totals, send, last read


def test_a_refused_invoice_of_a_batch_stops_no_other() -> None:
    bench, batch = BooksBench(), drafts(3)
    batch[1] = replace(batch[1], number=batch[0].number)

    results = list(bench.adapter().push(batch, PlainJournals()))

    assert [type(result.error) for result in results] == [type(None), Rejected, type(None)]
    assert len(bench.double.sent) == 2


def test_a_token_that_is_refused_is_minted_anew_once() -> None:
    bench = BooksBench()
    bench.double.expire()
    assert bench.adapter().check().account_id == "acme_1"
    assert bench.double.minted == 2

    bench.refuse_credentials()
    with pytest.raises(Unauthorised):
        bench.adapter().check()


def test_one_address_for_all_accounts_gives_hints_that_name_theirs() -> None:
    bench = BooksBench()
    (result,) = bench.adapter().push([a_draft()], PlainJournals())
    assert result.pushed is not None
    delivery = bench.delivery(result.pushed.ref)
    (hint,) = AcmeBooks.read_app_hints(delivery)
    assert (hint.ref, hint.account) == (result.pushed.ref, "acme_1")
    with pytest.raises(HintRejected):
        AcmeBooks.read_app_hints(replace(delivery, body=delivery.body + b" "))


# --- in the house -------------------------------------------------------------------------------------


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if the sample's package were installed: its entry point is there."""
    monkeypatch.syspath_prepend(SAMPLE)
    project = tomllib.loads((SAMPLE / "pyproject.toml").read_text())["project"]
    found = {
        name: EntryPoint(name, value, registry.GROUP)
        for name, value in project["entry-points"][registry.GROUP].items()
    }
    monkeypatch.setattr(registry, "_others", lambda: found)
    provider_class.cache_clear()
    yield
    provider_class.cache_clear()


def test_its_entry_point_puts_it_beside_the_built_in_providers(installed: None) -> None:
    assert registry.names()[0] == "stripe"
    assert registry.names()[-1] == "acmepay"
    assert provider_class("acmepay").label == "Acme Pay"


def test_the_commands_bill_with_it_and_learn_what_was_paid(installed: None, tmp_path: Path) -> None:
    double = AcmeDouble(TOKEN)
    wispbill = Wispbill(tmp_path, double)
    wispbill("tenants", "add", "wisp", "--zone", "UTC", "--currency", "USD")
    wispbill("integrations", "add", "acmepay", "--credentials", "-", given=json.dumps({"token": TOKEN}))
    wispbill("customers", "add", "C-1", "--name", "Subscriber 0001", "--email", "subscriber0001@example.com")
    due = date(2099, 1, 1).isoformat()
    words = ("--number", "1001", "--customer", "C-1", "--due-on", due, "--description", "Internet")
    wispbill("invoices", "add", *words, "--amount", "45.00")
    wispbill("push")
    (ref,) = double.sent
    double.pay(ref, 4500)
    wispbill("pull")

    invoice = json.loads(wispbill("invoices", "show", "1001", "--json"))
    assert (invoice["sync"], invoice["paymentStatus"]) == ("synced", "paid")
    assert TOKEN not in json.dumps(invoice)


class Wispbill:
    """The command, with the double at the other end of its wires."""

    def __init__(self, folder: Path, double: AcmeDouble) -> None:
        self._environ = {"WISPBILL_DAEMON__STATE_DIR": str(folder), "CREDENTIAL_ENCRYPTION_KEY": "ab" * 32}
        self._make_wire = lambda _party, gate, _deadline_s: a_wire(SandboxTransport(double), gate)
        wiring.build(load(None, self._environ), environ=self._environ, migrating=True).close()

    def __call__(self, *words: str, given: str | None = None) -> str:
        desk = Desk(None, environ=self._environ, make_wire=self._make_wire)
        result = CliRunner().invoke(app, list(words), input=given, obj=desk, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout


# --- the page -----------------------------------------------------------------------------------------


def test_the_code_in_the_page_is_the_code_that_was_tested_here() -> None:
    sources = [path.read_text() for path in (*SAMPLE.iterdir(), Path(__file__)) if path.is_file()]
    blocks = re.findall(r"```(?:python|toml)\n(.*?)```", PAGE.read_text(), re.DOTALL)

    assert len(blocks) >= 6
    for block in blocks:
        assert any(block in source for source in sources), block
