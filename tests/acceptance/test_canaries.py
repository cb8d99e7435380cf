"""Secrets planted everywhere a secret can be, the whole product driven for real, and everything that came
out of it searched: outputs, errors, tracebacks, logs, pages, files."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from daemon.cli import app
from daemon.cli.context import Desk
from daemon.clock import SystemClock
from daemon.sandbox.server import Served, serve
from daemon.sandbox.stripe import Account, StripeDouble
from daemon.store import integrations, webhook
from daemon.store.secrets import CREDENTIALS
from daemon.store.tables import Secret
from tests.acceptance.ground import Daemon, Installation, until
from tests.canaries import ENTROPY, Canaries, canary


class Heard:
    """Everything that anybody could have read, by where it was read."""

    def __init__(self) -> None:
        self.texts: dict[str, bytes] = {}

    def add(self, where: str, text: str | bytes) -> str:
        raw = text.encode() if isinstance(text, str) else text
        self.texts[f"{len(self.texts):03d} {where}"] = raw
        return raw.decode(errors="replace")

    def of(self, word: str) -> bytes:
        return b"\n".join(text for where, text in self.texts.items() if word in where)


class Drive:
    """A person at the command line, a daemon beside, and Stripe's double at the other end."""

    def __init__(self, folder: Path, served: Served[StripeDouble], account: Account) -> None:
        self.served, self.account = served, account
        self.heard, self.secrets = Heard(), Canaries()
        self.receiver, self.monitor = free_port(), free_port()
        self.installation = Installation(folder, served.url, CREDENTIAL_ENCRYPTION_KEY="")
        self.installation.set(
            "receiver",
            listen=f'"127.0.0.1:{self.receiver}"',
            public_url=f'"http://127.0.0.1:{self.receiver}"',
        )
        self.installation.set("monitoring", listen=f'"127.0.0.1:{self.monitor}"')
        self.daemon: Daemon | None = None

    def key(self, name: str, *, accepted: bool) -> str:
        self.secrets[name] = canary("sk_test_")
        if accepted:
            self.served.double.add_account(self.secrets[name], self.account.id)
        return json.dumps({"secret_key": self.secrets[name]})

    def says(self, *words: str, given: str | None = None, code: int | None = 0) -> str:
        """One command, in this process; its exit code where one is expected."""
        desk = Desk(self.installation.config, environ=self.installation.environ)
        done = CliRunner().invoke(app, list(words), input=given, obj=desk)
        desk.close()
        assert code is None or done.exit_code == code, f"{words}: {done.output} {done.exception!r}"
        self.heard.add(f"output of {words[0]}", done.stdout)
        self.heard.add(f"errors of {words[0]}", done.stderr)
        return done.stdout + done.stderr

    def says_outside(self, *words: str, given: str | None = None, **environ: str) -> str:
        """One command as a process of its own, which fails."""
        done = self.installation.wispbill(*words, given=given, **environ)
        assert done.returncode, done.stdout
        self.heard.add(f"output of {words[0]}", done.stdout)
        return self.heard.add(f"errors of {words[0]}", done.stderr)

    def asks(self, port: int, path: str, body: bytes | None = None, **headers: str) -> int:
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET" if body is None else "POST", path, body, headers)
        answer = connection.getresponse()
        self.heard.add(f"page {path}", str(answer.headers).encode() + answer.read())
        connection.close()
        return answer.status

    def listed(self, number: str = "1001") -> dict[str, Any]:
        return dict(json.loads(self.says("invoices", "show", number, "--json")))

    def integration(self) -> dict[str, Any]:
        (row,) = json.loads(self.says("integrations", "list", "--json"))["integrations"]
        return dict(row)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


# --- the drive ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drive]:
    double = StripeDouble(SystemClock(), ENTROPY, rates=False)
    account = double.add_account(canary("sk_test_"))
    served = serve(double)
    driven = Drive(tmp_path_factory.mktemp("wisp"), served, account)
    try:
        starts(driven)
        connects(driven)
        bills(driven)
        is_attacked(driven)
        loses_its_key(driven)
        rotates_its_master_key(driven)
        is_damaged(driven)
        looks_around(driven)
        is_given_secrets_by_mistake(driven)
        gathers_what_is_left(driven)
        yield driven
    finally:
        if driven.daemon is not None:
            driven.daemon.kill()
        served.close()


def starts(drive: Drive) -> None:
    master = hashlib.sha256(canary().encode()).digest()
    drive.secrets["master key, base64"] = base64.b64encode(master).decode()
    drive.secrets["master key, hexadecimal"] = master.hex()
    path = drive.installation.folder / "master.key"
    path.touch(mode=0o600)
    path.write_text(f"1:{drive.secrets['master key, base64']}\n")
    drive.daemon = Daemon(drive.installation).ready()


def connects(drive: Drive) -> None:
    drive.says("tenants", "add", "wisp", "--zone", "UTC", "--currency", "USD")
    key = drive.key("API key", accepted=True)
    drive.says("integrations", "add", "stripe", "--credentials", "-", given=key)
    row = drive.integration()
    drive.says("integrations", "webhook", row["id"])
    drive.says("integrations", "webhook", row["id"], "--json")
    drive.says("integrations", "show", row["id"])
    drive.says(
        "customers", "add", "C-1", "--name", "Subscriber 0001", "--email", "subscriber0001@example.com"
    )
    house = drive.installation.house()
    newer, older = webhook.read(house.safe, integrations.get(None, row["id"])).secrets
    drive.secrets |= {"webhook secret": newer, "older webhook secret": older}
    house.close()


def bills(drive: Drive) -> None:
    words = ("--customer", "C-1", "--due-on", "2099-01-01", "--description", "Internet", "--amount", "45.00")
    for number in ("1001", "1002"):
        drive.says("invoices", "add", "--number", number, *words)
    until(
        "both invoices are sent", lambda: all(drive.listed(n)["sync"] == "synced" for n in ("1001", "1002"))
    )
    drive.account.pay(next(doc.id for doc in drive.account.invoices() if doc.number == "1001"))
    until("the payment is seen", lambda: drive.listed()["paymentStatus"] == "paid")
    assert drive.integration()["webhookSeenAt"], "the webhook came, and its signature was right"


def is_attacked(drive: Drive) -> None:
    """Forged deliveries, which bring secrets of their own to where they should not be repeated."""
    path = urlsplit(str(drive.integration()["webhookUrl"])).path
    secret = drive.secrets["somebody's token"] = canary("tok")
    body = json.dumps({"id": "evt_1", "object": "event", "created": 1, "secret": secret}).encode()
    headers = {"Stripe-Signature": f"t=1,v1={secret}", "Authorization": f"Bearer {secret}", "Cookie": secret}
    assert drive.asks(drive.receiver, path, body, **headers) == 401
    assert drive.asks(drive.receiver, f"{path}?token={secret}", body, **headers) in (401, 404)
    astray = f"/api/webhooks/billing/integrations/{drive.secrets['API key']}"
    assert drive.asks(drive.receiver, astray, body, **headers) == 404
    assert drive.asks(drive.monitor, f"/nothing?api_key={secret}", **headers) == 404


def loses_its_key(drive: Drive) -> None:
    row = drive.integration()
    words = ("integrations", "rotate", row["id"], "--credentials", "-")
    wrong = drive.key("API key that Stripe does not know", accepted=False)
    assert "WB-REMOTE-UNAUTHORISED" in drive.says(*words, given=wrong, code=1)
    assert "Traceback" in drive.says_outside(*words, given=wrong, WISPBILL_DEBUG="1")

    drive.served.double.revoke(drive.secrets["API key"])
    assert "WB-REMOTE-UNAUTHORISED" in drive.says("integrations", "test", row["id"], code=1)
    drive.says("invoices", "sync", "1002", code=None)
    until("it asks for a new key", lambda: drive.integration()["state"] == "needs_reconnect")
    drive.says("doctor", code=None)
    assert "active" in drive.says(*words, given=drive.key("API key after rotation", accepted=True))


def rotates_its_master_key(drive: Drive) -> None:
    drive.says("keys", "new")
    lines = (drive.installation.folder / "master.key").read_text().splitlines()
    drive.secrets["second master key"] = lines[-1].partition(":")[2]
    drive.says("keys", "rotate")
    drive.says("keys", "list")
    drive.says("keys", "retire", "1", code=None)


def is_damaged(drive: Drive) -> None:
    """A sealed credential is flipped on the disk; the daemon meets it at its next run."""
    row = drive.integration()
    house = drive.installation.house()
    mine = (Secret.owner_id == row["id"]) & (Secret.field == CREDENTIALS)
    blob = bytearray(Secret.get(mine).blob)
    blob[-1] ^= 1
    now = house.clock.now()
    house.store.write(
        "test.damage", lambda: Secret.update(blob=bytes(blob), updated_at=now).where(mine).execute()
    )
    house.close()
    drive.says("invoices", "sync", "1002", code=None)
    until("it is quarantined", lambda: drive.integration()["state"] == "error")
    assert "WB-VAULT-SEALED" in drive.says("integrations", "test", row["id"], code=1)
    assert "Traceback" in drive.says_outside("integrations", "test", row["id"], WISPBILL_DEBUG="1")


def looks_around(drive: Drive) -> None:
    for words in (
        ("status",),
        ("status", "--json"),
        ("doctor",),
        ("doctor", "--json"),
        ("explain", "1001"),
        ("explain", "1001", "--json"),
        ("find", "1001"),
        ("find", drive.secrets["API key"][8:]),
        ("providers", "--json"),
        ("backup",),
        ("backup", "list", "--verify"),
        ("audit", "list"),
        ("audit", "list", "--json"),
        ("audit", "verify"),
        ("inbox", "list", "--json"),
        ("customers", "show", "C-1", "--json"),
        ("db", "check"),
        ("recovery", "show"),
    ):
        drive.says(*words, code=None)
    for path in ("/healthz", "/readyz", "/metrics"):
        drive.asks(drive.monitor, path)


def is_given_secrets_by_mistake(drive: Drive) -> None:
    row, secret = drive.integration(), drive.secrets
    secret["publishable key"] = canary("pk_live_")
    secret["secret in a field of another name"] = canary("sk_live_")
    secret["secret that is no JSON"] = canary("sk_live_")
    secret["secret in a file that others can read"] = canary("sk_live_")
    shared = drive.installation.folder.parent / f"{drive.installation.folder.name}-shared.json"
    shared.write_text(json.dumps({"secret_key": secret["secret in a file that others can read"]}))
    shared.chmod(0o644)
    for given in (
        json.dumps({"secret_key": secret["publishable key"]}),
        json.dumps({"key": secret["secret in a field of another name"]}),
        json.dumps({"secret_key": {"inner": secret["secret in a field of another name"]}}),
        secret["secret that is no JSON"],
    ):
        drive.says("integrations", "rotate", row["id"], "--credentials", "-", given=given, code=2)
    drive.says("integrations", "rotate", row["id"], "--credentials", str(shared), code=2)

    secret["database password"] = canary("pw")
    url = f"postgresql://wisp:{secret['database password']}@127.0.0.1:1/wispbill"
    for words in (("status",), ("run",), ("doctor",)):
        drive.says_outside(*words, WISPBILL_DATABASE__URL=url, WISPBILL_DEBUG="1")
    drive.says_outside("status", WISPBILL_DATABASE__URL=url)

    secret["secret in the TOML"] = canary("sk_live_")
    before = drive.installation.config.read_text()
    for mistake in (
        f'[providers.stripe]\nsecret_key = "{secret["secret in the TOML"]}"\n',
        f"[providers.stripe]\nsecret_key = {secret['secret in the TOML']}\n",
        f'[providers.acmepay]\nbase_url = "http://user:{secret["secret in the TOML"]}@127.0.0.1"\n',
        f'[database]\nurl = "{url}"\n',
        f"[{secret['secret in the TOML']}]\n",
    ):
        drive.installation.config.write_text(f"{before}\n{mistake}")
        assert drive.says("status", code=2).startswith("WB-CONFIG")
    assert "Traceback" in drive.says_outside("status", WISPBILL_DEBUG="1")
    drive.installation.config.write_text(before)

    secret["malformed master key"] = canary("key")
    drive.says_outside("status", CREDENTIAL_ENCRYPTION_KEY=secret["malformed master key"])


def gathers_what_is_left(drive: Drive) -> None:
    assert drive.daemon is not None
    pid = drive.daemon.process.pid
    for name in ("cmdline", "environ"):
        drive.heard.add(f"process {name}", Path(f"/proc/{pid}/{name}").read_bytes())
    for path in sorted(drive.installation.folder.rglob("wispbill*")):
        if path.is_file():
            drive.heard.add(f"file {path.name}", path.read_bytes())
    assert drive.daemon.stop() == 0
    for path in sorted(drive.installation.folder.rglob("*")):
        if path.is_file() and path.name != "master.key":
            drive.heard.add(f"file {path.name}", path.read_bytes())


# --- what may not be found ----------------------------------------------------------------------------


def test_no_secret_is_anywhere(drive: Drive) -> None:
    seen = {
        (name, where): forms
        for name in drive.secrets
        for where, text in drive.heard.texts.items()
        if (forms := drive.secrets.seen_in(name, text))
    }
    assert seen == {}


def test_a_canary_would_be_found_in_each_disguise() -> None:
    secret = Canaries(it="sk_live_not/a secret")
    for disguised in (
        b"x sk_live_not/a secret x",
        b"it is 736b5f6c6976655f6e6f742f6120736563726574.",
        b"?key=sk_live_not/a%20secret&more",
        *(base64.b64encode(b"a" * shift + b"sk_live_not/a secret, and so on") for shift in range(5)),
    ):
        assert secret.seen_in("it", disguised), disguised
    assert not secret.seen_in("it", b"sk_live_not")


def test_everything_was_listened_to(drive: Drive) -> None:
    heard = drive.heard
    assert len(drive.secrets) >= 14 and all(drive.secrets.values())
    log = heard.of("file daemon.log").decode()
    events = {json.loads(line)["event"] for line in log.splitlines() if line.startswith("{")}
    assert events >= {"daemon.ready", "web.request", "push.finished", "pull.finished", "daemon.stopped"}
    assert heard.of("errors of integrations").count(b"Traceback") == 2
    assert b"wispbill_" in heard.of("page /metrics")
    assert b"sqlite" in heard.of("file wispbill.db") or b"SQLite format 3" in heard.of("file wispbill.db")
    assert b"SQLite format 3" in heard.of("-manual.db")
    assert b"wbi_" in heard.of("file wispbill.db")
    assert b"integration.rotated" in heard.of("output of audit")


def test_what_is_sealed_is_there_and_opens_for_its_owner_alone(drive: Drive) -> None:
    """The positive side: the secrets were taken in and kept, or nothing could have leaked."""
    house = drive.installation.house()
    try:
        (row,) = integrations.listing()
        assert drive.secrets["webhook secret"] in webhook.read(house.safe, row).secrets
        assert all(sealed.blob.startswith(b"WB") for sealed in Secret.select())
    finally:
        house.close()
