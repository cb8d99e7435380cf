"""Logs: one line for each event, every fact under its key, and no secret in any of them."""

from __future__ import annotations

import io
import json
import logging
import time
import warnings
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import Enum, IntEnum
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from structlog.testing import capture_logs

from daemon.log import HIDDEN, QUIET, configure, is_telling, scrub
from daemon.money import Money

log = structlog.get_logger()

LETTERS = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

canaries = st.text(LETTERS, min_size=24, max_size=40).map(lambda text: f"Zq7{text}")
"""Made so that no word of a log line contains one by chance."""

styles = st.sampled_from(["json", "console"])

TELLING = [
    "authorization",
    "Cookie",
    "set-cookie",
    "access_token",
    "refreshToken",
    "client_secret",
    "api_key",
]
TELLING += [
    "apiKey",
    "webhook_secrets",
    "Stripe-Signature",
    "body",
    "query",
    "password",
    "credentials",
    "raw",
]


@pytest.fixture(autouse=True)
def _configuration_of_before():
    """Each test leaves logging as it found it."""
    root = logging.getLogger()
    handlers, level, quiet = root.handlers[:], root.level, {n: logging.getLogger(n).level for n in QUIET}
    raises, shown = logging.raiseExceptions, warnings.showwarning
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, was in quiet.items():
        logging.getLogger(name).setLevel(was)
    logging.captureWarnings(False)
    logging.raiseExceptions, warnings.showwarning = raises, shown


def configured(style: str = "json", level: str = "debug") -> io.StringIO:
    stream = io.StringIO()
    configure(level, style, stream)
    return stream


def lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def shown(value: object) -> object:
    stream = configured()
    log.info("test.shown", value=value)
    return lines(stream)[0]["value"]


# --- form ---------------------------------------------------------------------------------------------


def test_a_line_is_one_json_object_with_its_facts_level_and_time_in_utc():
    stream = configured()
    log.info("pull.finished", provider="xero", asked=40, changed=3)

    [line] = lines(stream)
    moment = datetime.fromisoformat(line.pop("timestamp"))
    assert moment.utcoffset() == UTC.utcoffset(None)
    assert line == {"event": "pull.finished", "level": "info", "provider": "xero", "asked": 40, "changed": 3}


def test_a_terminal_gets_the_console_and_a_pipe_gets_json():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    configure("info", "auto", terminal)
    log.info("pull.finished")
    pipe = configured("auto")
    log.info("pull.finished")

    assert not terminal.getvalue().startswith("{")
    assert "pull.finished" in terminal.getvalue()
    assert lines(pipe)[0]["event"] == "pull.finished"


def test_lines_below_the_level_are_left_out_and_a_new_level_holds_at_once():
    stream = configured(level="warning")
    log.info("left.out")
    log.warning("kept")
    configure("info", "json", stream)
    log.info("kept.now")

    assert [line["event"] for line in lines(stream)] == ["kept", "kept.now"]


def test_configuring_again_writes_each_line_once():
    configured()
    stream = configured()
    log.info("once")
    logging.getLogger("library").warning("once too")

    assert [line["event"] for line in lines(stream)] == ["once", "library"]


def test_context_bound_by_a_job_is_on_its_lines():
    stream = configured()
    with structlog.contextvars.bound_contextvars(run="wbr_1"):
        log.info("pull.started")
    log.info("idle")

    assert [line.get("run") for line in lines(stream)] == ["wbr_1", None]


def test_a_test_can_capture_events_as_they_were_said():
    configured()
    with capture_logs() as captured:
        log.info("pull.finished", asked=1)

    assert captured == [{"event": "pull.finished", "asked": 1, "log_level": "info"}]


def test_values_of_other_types_are_shown_as_text():
    class Word(Enum):
        PAID = "paid"

    class Number(IntEnum):
        ONE = 1

    @dataclass
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    assert shown(Money(1250, "EUR")) == "12.50 EUR"
    assert shown([Word.PAID, Number.ONE, None, True, 1.5]) == ["paid", "1", None, True, 1.5]
    assert shown((date(2026, 3, 2), datetime(2026, 3, 2, tzinfo=UTC))) == [
        "2026-03-02",
        "2026-03-02T00:00:00+00:00",
    ]
    assert shown({"path": Path("/x"), 3: ValueError("no")}) == {"path": "/x", "3": "ValueError: no"}
    assert shown(b"\x00bytes") == "<6 bytes>"
    assert shown(Broken()) == "<Broken>"


def test_a_long_or_deep_value_is_cut():
    deep: object = "bottom"
    for _ in range(100):
        deep = [deep]

    assert len(str(shown("x" * 1_000_000))) == 2001
    assert "bottom" not in str(shown(deep))


# --- libraries ----------------------------------------------------------------------------------------


def test_a_librarys_line_goes_the_same_way_under_its_own_name():
    stream = configured()
    logging.getLogger("somebody.else").warning("took %d s", 3)

    [line] = lines(stream)
    assert (line["event"], line["message"], line["level"]) == ("somebody.else", "took 3 s", "warning")


@pytest.mark.parametrize("name", QUIET)
def test_a_talkative_library_is_heard_from_warning_on(name):
    stream = configured(level="debug")
    logging.getLogger(name).info("GET https://example.com")
    logging.getLogger(name).warning("late")

    assert [line["message"] for line in lines(stream)] == ["late"]


def test_warnings_become_lines():
    stream = configured()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)

    assert lines(stream)[0]["event"] == "py.warnings"


# --- secrets ------------------------------------------------------------------------------------------


@given(secret=canaries, name=st.sampled_from(TELLING), style=styles)
def test_what_stands_under_a_telling_name_is_hidden_at_any_depth(secret, name, style):
    stream = configured(style)
    log.info("test.event", **{name: secret})
    log.info("test.event", outer={"inner": [{name: {"deeper": secret}}, (name, {name: [secret]})]})
    log.bind(**{name: secret.encode()}).info("test.event")
    with structlog.contextvars.bound_contextvars(**{name: secret}):
        log.info("test.event")

    assert secret not in stream.getvalue()
    assert stream.getvalue().count(HIDDEN) == 5


SHAPES = {
    "Stripe secret key": "sk_live_{}",
    "Stripe restricted key": "rk_test_{}",
    "webhook secret": "whsec_{}",
    "token of ours": "wb_a1b2c3d4_{}",
    "bearer header": "Bearer {}",
    "basic header": "Basic {}",
    "Square token": "EAAA{}",
    "Square application secret": "sq0csp-{}",
    "PayPal token": "A21A{}",
    "JSON web token": "eyJ{0}.{0}.{0}",
    "private key": "-----BEGIN PRIVATE KEY-----\n{0}\n{0}\n-----END PRIVATE KEY-----",
    "user and password of a URL": "postgresql://someone:{}@db.example.com/x",
    "query of a URL": "https://example.com/cb?code={}&state=1",
    "assignment": "client_secret={}",
    "form": "grant_type=x&refresh_token={}&y=1",
    "JSON": '{{"api_key": "{}", "x": 1}}',
    "repr of a mapping": "{{'Authorization': 'Basic {}'}}",
    "escaped quote": r"password='a\'{}'",
    "mapping under a telling name": "{{'tokens': {{'new': '{}'}}}}",
    "list under a telling name": "secrets=['old', '{}']",
    "header dump": "Stripe-Signature: {}",
}


@dataclass
class Holder:
    text: str


@dataclass
class Client:
    name: str
    api_key: str = field(default="")


@given(secret=canaries, shape=st.sampled_from(sorted(SHAPES)), style=styles)
def test_what_has_the_shape_of_a_secret_is_hidden_wherever_it_stands(secret, shape, style):
    text = SHAPES[shape].format(secret)
    stream = configured(style)
    log.info("test.event", fact=text)
    log.info(f"event {text}", facts=[{"deep": text}], holder=Holder(text), error=ValueError(text))
    log.info("test.event", **{text: 1})
    log.info("test.event", mapping={text: 1})
    logging.getLogger("library").warning("said %s", text)
    logging.getLogger("library").warning("said %(a)s", {"a": text})
    try:
        raise RuntimeError(text)
    except RuntimeError as error:
        error.add_note(text)
        log.exception("test.failed")
        logging.getLogger("library").exception("failed")

    assert secret not in stream.getvalue()
    assert HIDDEN in stream.getvalue()


@given(secret=canaries, style=styles)
def test_a_traceback_shows_no_local_variable_and_no_hidden_cause(secret, style):
    def inner(credentials: str) -> None:
        client, plain = Client("x", credentials), credentials
        assert plain
        raise ValueError(f"refused {client}")

    stream = configured(style)
    for say in (log.exception, logging.getLogger("library").exception):
        try:
            try:
                inner(secret)
            except ValueError as error:
                raise RuntimeError("wrapped") from error
        except RuntimeError:
            say("test.failed")

    assert secret not in stream.getvalue()
    assert "wrapped" in stream.getvalue()
    assert "inner" in stream.getvalue()


def test_secret_types_stay_hidden():
    assert shown({"value": SecretStr("canary")}) == {"value": "**********"}


@pytest.mark.parametrize(
    "name", ["key_id", "token_id", "invoice", "provider", "code", "keepalive", "customer"]
)
def test_harmless_names_are_shown(name):
    stream = configured()
    log.info("test.event", **{name: "WB-PUSH-TOTAL"})

    assert not is_telling(name)
    assert lines(stream)[0][name] == "WB-PUSH-TOTAL"


@pytest.mark.parametrize(
    "text",
    [
        "wbi_01hzxk3v9q2m4n6p8r0s2t4v6w pushed to acct_1NffrFGggYj",
        "WB-ABCDEFGHIJKLMNOP is in_1NffrFGggYj at https://dashboard.stripe.com/invoices/in_1NffrFGggYj",
        "a basic service was paid at 12:30",
        "is it paid?",
    ],
)
def test_ordinary_sentences_and_ids_are_left_as_they_are(text):
    assert scrub(text) == text


@pytest.mark.parametrize("style", ["json", "console"])
def test_no_text_can_begin_a_line_of_its_own(style):
    forged = '2026-01-01T00:00:00Z [info     ] login.ok\r\n{"event": "login.ok"}\x1b[2J\u2028\x85end'
    stream = configured(style)
    log.info("test.event", fact=forged, **{forged: 1})
    log.info(forged)
    logging.getLogger("library").warning(forged)

    assert len(stream.getvalue().splitlines()) == 3
    assert "\x1b" not in stream.getvalue()


def test_a_traceback_on_the_console_is_indented_so_that_it_poses_as_no_line():
    stream = configured("console")
    try:
        raise ValueError("x\n2026-01-01T00:00:00Z [info     ] login.ok")
    except ValueError:
        log.exception("test.failed")

    assert all(line.startswith("    ") for line in stream.getvalue().splitlines()[1:])


def test_a_line_that_cannot_be_made_shows_nothing_of_its_arguments(capsys):
    stream = configured()
    logging.getLogger("library").warning("%d", "canary")

    assert "canary" not in stream.getvalue() + capsys.readouterr().err


@given(text=st.text(max_size=200))
def test_any_text_is_scrubbed_to_one_printable_line(text):
    scrubbed = scrub(text)

    assert len(scrubbed.splitlines()) <= 1
    assert scrub(scrubbed) == scrubbed


BUSY = ["x", "a=", "@", "a?", "a?b", "://", "://a", "secret", "secret-", "token='", "token={", "key="]
BUSY += ["eyJ-", "eyJaaaaaaaa.", "-----BEGIN ", "sk_", "Bearer ", "\\", "password='\\", "\n"]


@pytest.mark.parametrize("piece", BUSY)
def test_no_text_keeps_the_filter_busy(piece):
    started = time.perf_counter()
    for _ in range(5):
        scrub(piece * 8000)

    assert time.perf_counter() - started < 2
