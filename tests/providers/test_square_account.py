"""Square: the connection test, and the webhook from its registration to a hint."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace

import pytest
from square.utils.webhooks_helper import verify_signature

from daemon.errors import HintRejected, OutcomeUnknown, Unauthorised, Unsupported
from daemon.model import Asked, Delivery, DocStatus, Mode
from daemon.providers.contract import PlainJournal
from daemon.providers.square.words import READS, WRITES
from daemon.sandbox.faults import FaultKind
from daemon.sandbox.square.world import SCOPES
from tests.fakes import NOW
from tests.providers.square_bench import HOOK, TOKEN, SquareBench, a_draft

GRANTED = "EAAA-granted-" + "q9" * 20


# --- the connection test ------------------------------------------------------------------------------


def test_the_test_names_seller_currency_and_every_location() -> None:
    bench = SquareBench(currency="CAD", country="CA", timezone="America/Toronto")
    world = bench.account.world
    world.locations.append({**world.locations[0], "id": "L2", "name": "Shop", "status": "INACTIVE"})

    info = bench.adapter().check()

    assert (info.account_id, info.name, info.country) == (bench.account.id, "Example Wireless", "CA")
    assert (info.currencies, info.mode, info.missing) == (("CAD",), Mode.SANDBOX, ())
    assert "Location L2 (Shop): CAD, America/Toronto, inactive." in info.notes


@pytest.mark.parametrize(
    "location, why", [("", "chosen in the settings"), ("LELSEWHERE", "does not have"), ("L2", "is not")]
)
def test_a_location_that_cannot_bill_is_missing(location: str, why: str) -> None:
    bench = SquareBench()
    world = bench.account.world
    world.locations.append({**world.locations[0], "id": "L2", "status": "INACTIVE"})

    (missing,) = bench.adapter(location_id=location).check().missing

    assert why in missing


def test_a_location_that_takes_no_cards_yet_is_noted() -> None:
    bench = SquareBench()
    bench.account.world.locations[0]["capabilities"] = []

    assert any("cannot take cards" in note for note in bench.adapter().check().notes)


@pytest.mark.parametrize("scope", [*READS, *WRITES])
def test_each_permission_that_is_missing_is_named(scope: str) -> None:
    bench = SquareBench()
    bench.account.add_token(GRANTED, SCOPES - {scope})

    assert scope in bench.adapter(token=GRANTED).check().missing


@pytest.mark.parametrize("scope", READS)
def test_where_the_token_s_own_page_is_silent_reading_a_little_shows_it(scope: str) -> None:
    """Its documentation speaks of production alone."""
    bench = SquareBench()
    bench.account.switches.token_status = False
    bench.account.add_token(GRANTED, SCOPES - {scope})

    info = bench.adapter(token=GRANTED).check()

    assert info.missing == (scope,)
    assert info.account_id == (bench.account.id if scope != "MERCHANT_PROFILE_READ" else "")


def test_a_token_of_oauth_says_when_it_ends() -> None:
    bench = SquareBench()
    bench.account.add_token(GRANTED, SCOPES)

    assert any("ends at 2026" in note for note in bench.adapter(token=GRANTED).check().notes)


@pytest.mark.parametrize("token", ["EAAA-unknown-" + "z" * 40, TOKEN])
def test_a_wrong_or_revoked_token_says_that_it_may_be_of_the_other_environment(token: str) -> None:
    bench = SquareBench()
    bench.account.revoke(TOKEN)

    with pytest.raises(Unauthorised, match="production environment is not known here") as caught:
        bench.adapter(token=token).check()

    assert token not in str(caught.value)


def test_a_test_makes_nothing() -> None:
    bench = SquareBench()
    bench.adapter().check()

    assert all(
        line.startswith("GET ") or line.endswith(("/search", "/status")) for line in bench.network.seen
    )


# --- registering --------------------------------------------------------------------------------------


def test_a_registration_whose_answer_was_lost_leaves_one_subscription() -> None:
    bench = SquareBench()
    bench.lose_answer(after=0)
    with pytest.raises(OutcomeUnknown):
        bench.adapter().register_webhook(HOOK)

    hook = bench.adapter().register_webhook(HOOK)

    (row,) = bench.account.world.subscriptions.all()
    assert (row["id"], row["signature_key"]) == (hook.external_id, hook.secret)


def test_a_subscription_of_the_merchant_s_own_at_our_address_stays() -> None:
    bench = SquareBench()
    world = bench.account.world
    theirs = {"id": "wbhk_theirs", "name": "Shop", "notification_url": HOOK, "enabled": True}
    world.keep(world.subscriptions, {**theirs, "event_types": ["order.updated"], "signature_key": "k"})

    bench.adapter().register_webhook(HOOK)

    assert {row["id"] for row in world.subscriptions.all()} >= {"wbhk_theirs"}
    assert len(world.subscriptions.all()) == 2


def test_a_token_of_oauth_may_not_register_and_is_not_taken_for_dead() -> None:
    bench = SquareBench()
    bench.account.add_token(GRANTED, SCOPES)

    with pytest.raises(Unsupported, match="personal access token"):
        bench.adapter(token=GRANTED).register_webhook(HOOK)


def test_a_dead_token_is_dead_when_it_registers() -> None:
    bench = SquareBench()
    bench.account.revoke(TOKEN)

    with pytest.raises(Unauthorised):
        bench.adapter().register_webhook(HOOK)


def test_a_test_delivery_comes_and_is_signed() -> None:
    bench = SquareBench()
    hook = bench.adapter().register_webhook(HOOK)
    bench.adapter().test_webhook(hook.external_id)

    (posted,) = bench.double.deliveries()

    delivery = Delivery(posted.body, posted.headers, HOOK, (hook.secret,), NOW)
    assert len(bench.adapter().read_hints(delivery)) == 1


# --- deliveries ---------------------------------------------------------------------------------------


def hooked() -> tuple[SquareBench, str]:
    bench = SquareBench()
    hook = bench.adapter().register_webhook(HOOK)
    bench.hook = (hook.external_id, hook.secret)
    return bench, hook.secret


def test_a_push_of_ours_makes_no_hint() -> None:
    bench, secret = hooked()
    bench.adapter().push_one(a_draft(), PlainJournal())

    posted = list(bench.double.deliveries())

    assert [
        hint
        for one in posted
        for hint in bench.adapter().read_hints(Delivery(one.body, one.headers, HOOK, (secret,), NOW))
    ] == []


def test_what_names_an_invoice_hints_at_it_and_the_rest_at_the_feed() -> None:
    bench, secret = hooked()
    ref = bench.adapter().push_one(a_draft(), PlainJournal()).ref
    bench.account.pay(ref)
    bench.account.refund(ref, 100)
    bench.account.dispute(ref)

    hints = [
        hint
        for one in bench.double.deliveries()
        for hint in bench.adapter().read_hints(Delivery(one.body, one.headers, HOOK, (secret,), NOW))
    ]

    told = {(hint.kind, hint.ref) for hint in hints}
    assert told == {
        ("invoice.payment_made", ref),
        ("invoice.refunded", ref),
        ("payment.updated", None),
        ("refund.created", None),
        ("dispute.created", None),
    }
    assert {hint.account for hint in hints} == {bench.account.id}
    assert len({hint.event_id for hint in hints}) == len(hints)


@pytest.mark.parametrize(
    "url",
    [
        "https://wisp.example/hook/",
        "http://wisp.example/hook",
        "https://wisp.example:443/hook",
        "https://wisp.example/hook?a=1",
    ],
)
def test_the_address_is_part_of_what_is_signed(url: str) -> None:
    delivery = a_signed(b'{"event_id": "e", "type": "invoice.updated", "data": {"id": "inv:0-1"}}')

    assert SquareBench().adapter().read_hints(delivery)
    with pytest.raises(HintRejected):
        SquareBench().adapter().read_hints(replace(delivery, url=url))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"event_id": 7}', b"<html>", b"\xff\xfe"])
def test_what_is_signed_and_no_event_is_rejected(body: bytes) -> None:
    with pytest.raises(HintRejected):
        SquareBench().adapter().read_hints(a_signed(body))


@pytest.mark.parametrize("given", ["", "AAAA", "é", "=" * 4096])
def test_a_signature_that_is_none_is_rejected(given: str) -> None:
    delivery = a_signed(b'{"event_id": "e", "type": "invoice.updated"}')

    with pytest.raises(HintRejected):
        headers = {"x-square-hmacsha256-signature": given, "x-square-signature": "AAAA"}
        SquareBench().adapter().read_hints(replace(delivery, headers=headers))


def test_an_event_that_is_misshapen_inside_is_still_only_a_hint() -> None:
    for data in ({}, [], {"id": 7}, None):
        body = {"event_id": "e", "type": "invoice.updated", "created_at": "soon", "data": data}
        (hint,) = SquareBench().adapter().read_hints(a_signed(json.dumps(body).encode()))
        assert (hint.ref, hint.at) == (None, None)


def test_an_unknown_event_is_no_hint() -> None:
    assert SquareBench().adapter().read_hints(a_signed(b'{"event_id": "e", "type": "labor.shift"}')) == []


def test_a_forged_delivery_is_rejected() -> None:
    bench, secret = hooked()
    bench.fault(FaultKind.HOOK_FORGED, "invoice.payment_made")
    ref = bench.adapter().push_one(a_draft(), PlainJournal()).ref
    bench.account.pay(ref)
    forged = [one for one in bench.double.deliveries() if b"invoice.payment_made" in one.body]

    with pytest.raises(HintRejected):
        bench.adapter().read_hints(Delivery(forged[0].body, forged[0].headers, HOOK, (secret,), NOW))
    (seen,) = bench.adapter().pull([Asked(ref)])
    assert seen.status is DocStatus.PAID


def test_square_s_own_library_accepts_what_we_accept() -> None:
    delivery = a_signed('{"event_id": "e", "type": "invoice.updated", "note": "Zürich ✓"}'.encode())
    signature = delivery.headers["x-square-hmacsha256-signature"]

    assert verify_signature(
        request_body=delivery.body.decode(),
        signature_header=signature,
        signature_key=delivery.secrets[0],
        notification_url=HOOK,
    )
    assert SquareBench().adapter().read_hints(delivery)


def a_signed(body: bytes) -> Delivery:
    secret = "signature-key"
    digest = hmac.new(secret.encode(), HOOK.encode() + body, hashlib.sha256).digest()
    headers = {"x-square-hmacsha256-signature": base64.b64encode(digest).decode()}
    return Delivery(body, headers, HOOK, (secret,), NOW)
