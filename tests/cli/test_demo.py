"""The demo: it ends well only where what wispbill knows is what stands in every sandbox's books."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from daemon.cli.story.books import COLUMNS, differences, table
from daemon.cli.story.browser import agree
from daemon.cli.story.first import the_id
from daemon.cli.story.others import TURNS
from daemon.cli.story.voice import StoryError
from daemon.cli.story.wisps import Wisp
from daemon.clock import SystemClock, SystemEntropy
from daemon.model import DocStatus
from daemon.money import Money
from daemon.sandbox.deliverer import Forward
from daemon.sandbox.double import Standing
from daemon.sandbox.faults import Faults
from daemon.sandbox.seats import SEATED, Ground
from daemon.sandbox.stands import Ports, Stand, close, put_up

ROOT = Path(__file__).parents[2]
PUBLIC = "https://wispbill.example"

PAID = Standing("in_1", "INV-0001", "", "cus_1", "USD", 5000, 5000, 0, DocStatus.PAID, 1)
VOID = Standing("in_2", "INV-0002", "", "cus_2", "USD", 0, 0, 0, DocStatus.VOID, 1)
EXPECTED = {"INV-0001": "paid", "INV-0002": "void"}


def a_row(number: str = "INV-0001", status: str = "paid", paid: str = "50.00", **more: str) -> dict[str, Any]:
    known = {"provider": "stripe", "number": number, "currency": "USD", "total": "50.00", "due": "0.00"}
    proof = "payment, 50.00 USD by card (inpay_1, transaction pi_1), read 2026-03-02 09:00:00 UTC, evidence 7"
    states = {"sync": "synced", "paymentStatus": status, "paid": paid, "refunded": "0.00", "proof": proof}
    return {**known, **states, **more}


KNOWN = [a_row(), a_row("INV-0002", "void", "0.00")]


# --- the comparison -----------------------------------------------------------------------------------


def test_books_that_agree_have_no_difference() -> None:
    assert differences(EXPECTED, [PAID, VOID], KNOWN) == []


@pytest.mark.parametrize(
    ("theirs", "rows"),
    [
        pytest.param([PAID, VOID], [a_row(status="open"), KNOWN[1]], id="another word than what happened"),
        pytest.param([PAID, VOID], [a_row(paid="49.99"), KNOWN[1]], id="a cent"),
        pytest.param([replace(PAID, refunded=1), VOID], KNOWN, id="a refund that we do not know"),
        pytest.param([replace(PAID, total=6000), VOID], KNOWN, id="another total"),
        pytest.param([PAID, replace(VOID, status=DocStatus.OPEN)], KNOWN, id="void here alone"),
        pytest.param([PAID], KNOWN, id="one is missing there"),
        pytest.param([PAID, PAID, VOID], KNOWN, id="one is there twice"),
        pytest.param([PAID, VOID], KNOWN[:1], id="one is missing here"),
    ],
)
def test_each_kind_of_difference_is_a_sentence(theirs: list[Standing], rows: list[dict[str, Any]]) -> None:
    assert len(differences(EXPECTED, theirs, rows)) == 1


# --- what the world does ------------------------------------------------------------------------------


@pytest.fixture(params=[name for name in SEATED if name not in ("stripe", "paypal")])
def wisp(request: pytest.FixtureRequest) -> Iterator[Wisp]:
    """With its invoices in the books. (PayPal's stranger takes no part payments, Stripe has no stranger.)"""
    ground = Ground(SystemClock(), SystemEntropy(), Faults(), demo=True)
    (up,) = put_up([request.param], ground, Ports(threads=1), public_url=PUBLIC)
    wisp = Wisp(request.param, "TRY", 4, up)
    for number in wisp.numbers:
        wisp.hands.strangers(number, 5000)
    yield wisp
    close([up])


def what_stands(wisp: Wisp) -> list[dict[str, Any]]:
    """As wispbill would know it."""
    words = {5000: "paid", 2000: "partially_paid", 0: "open"}
    return [
        a_row(
            one.number,
            "void" if one.status is DocStatus.VOID else words[one.paid],
            str(Money(one.paid, "USD").text),
            provider=wisp.provider,
        )
        for one in wisp.standing()
    ]


def test_each_turn_of_the_world_leaves_in_the_books_what_must_be_known_of_it(wisp: Wisp) -> None:
    assert len(wisp.live(TURNS)) == len(TURNS)
    known = what_stands(wisp)
    assert [row["paymentStatus"] for row in known] == ["paid", "partially_paid", "void", "open"]
    assert wisp.differences(known) == []


def test_a_payment_that_wispbill_missed_is_a_difference(wisp: Wisp) -> None:
    wisp.live(TURNS)
    known = what_stands(wisp)
    wisp.hands.pay(wisp.standing()[-1].ref)
    (difference,) = wisp.differences(known)
    assert difference.startswith(f"{wisp.label} TRY-0004: ")


# --- the table ----------------------------------------------------------------------------------------

ROWS = [*KNOWN, a_row("PAYPAL-0001", provider="paypal")]
LABELS = {"stripe": "Stripe", "paypal": "PayPal"}
BECAUSE = "payment, 50.00 USD by card, read 09:00:00 UTC, evidence 7"


def test_on_a_wide_terminal_each_invoice_is_one_line_with_its_reason() -> None:
    lines = table(ROWS, LABELS, 140)
    assert lines[0].split() == list(COLUMNS)
    body = [line for line in lines[1:] if line]
    assert len(body) == len(ROWS)
    assert all(line.endswith(BECAUSE) and len(line) <= 140 for line in body)


def test_on_a_narrow_one_the_reason_stands_below_and_nothing_is_cut() -> None:
    lines = "\n".join(table(ROWS, LABELS, 80)).splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert [line for line in lines if line.strip() == BECAUSE] == [f"    {BECAUSE}"] * len(ROWS)


def test_each_provider_stands_apart() -> None:
    assert table(ROWS, LABELS, 140).count("") == 2


def test_an_id_is_read_from_what_a_command_told() -> None:
    assert the_id("wbn", "Stripe (sandbox) is active: wbn_01abc\n") == "wbn_01abc"


# --- the browser --------------------------------------------------------------------------------------


@pytest.fixture
def stand() -> Iterator[Stand]:
    ground = Ground(SystemClock(), SystemEntropy(), Faults(), demo=True)
    stands = put_up(["xero"], ground, Ports(threads=2), public_url=PUBLIC)
    yield stands[0]
    close(stands)


class _Quiet(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def callback() -> Iterator[tuple[Forward, list[str]]]:
    """A page that takes what the browser brings, and says 200 where a code is among it."""
    import threading

    brought: list[str] = []

    def page(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        brought.append(f"{environ['PATH_INFO']}?{environ['QUERY_STRING']}")
        start_response("200 OK" if "code=" in brought[-1] else "400 Bad Request", [])
        return [b"a page"]

    server = make_server("127.0.0.1", 0, page, handler_class=_Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Forward(PUBLIC, f"http://127.0.0.1:{server.server_port}"), brought
    server.shutdown()
    server.server_close()


def a_link(stand: Stand, scope: str) -> str:
    app = stand.seat.app
    assert app is not None
    asked = f"response_type=code&client_id={app.client_id}&redirect_uri={app.redirect_uri}&state=s1"
    return f"{stand.served.url}/identity/connect/authorize?{asked}&scope={scope}"


def test_the_browser_brings_the_code_from_the_providers_page_to_ours(
    stand: Stand, callback: tuple[Forward, list[str]]
) -> None:
    reached, brought = callback
    assert agree(a_link(stand, "openid"), reached.__call__) == f"{PUBLIC}/oauth/callback/xero"
    assert re.fullmatch(r"/oauth/callback/xero\?code=\w+&scope=openid&state=s1", brought[0])


def test_a_consent_that_comes_to_nothing_ends_the_demo_with_a_sentence(
    stand: Stand, callback: tuple[Forward, list[str]]
) -> None:
    reached, _brought = callback
    with pytest.raises(StoryError, match=r"callback/xero answered 400"):
        agree(a_link(stand, "unheard-of"), reached.__call__)
    with pytest.raises(StoryError, match="answered 404"):
        agree(f"{stand.served.url}/elsewhere", reached.__call__)


# --- the whole of it ----------------------------------------------------------------------------------


@pytest.mark.long
def test_the_demo_tells_its_story_of_all_six_and_ends_with_0(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "daemon", "demo", "--exit"]
    environ = {**os.environ, "COLUMNS": "140", "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        command, cwd=ROOT, env=environ, text=True, capture_output=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    rows = re.findall(r"^.+ (?:INV|PAYPAL|SQUARE|QB|XERO|OWN)-\d{4} +50\.00 .+$", done.stdout, re.MULTILINE)
    assert len(rows) == 12 + 5 * 4
    assert "12 numbers: each exactly once." in done.stdout
    assert "A forged webhook was answered with 401" in done.stdout
    assert "Our books and those of all six sandboxes agree." in done.stdout
    assert list(tmp_path.iterdir()) == [], "the demo's folder is gone"
