"""`wispbill invoices pdf`: the provider's own paper where there is one, ours everywhere else."""

from __future__ import annotations

import io

import pypdf
import pytest

from tests.cli.conftest import Shell


def text_in(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


@pytest.fixture
def entered(shell: Shell) -> Shell:
    shell.a_tenant()
    shell.a_customer()
    shell.an_invoice()
    return shell


def test_an_invoice_that_is_at_no_provider_is_printed_by_us_under_the_letterhead(entered: Shell) -> None:
    shell = entered
    shell.ran("tenants", "letterhead", "wisp", "--address", "Main Street 1", "--address", "Springfield")
    shell.ran("tenants", "letterhead", "wisp", "--how-to-pay", "By transfer.", "--locale", "en_GB")
    out = shell.folder / "out.pdf"

    told = shell.ran("invoices", "pdf", "1001", "--out", str(out)).output

    text = text_in(out.read_bytes())
    assert "as we print it" in told
    for fact in (
        "wisp",
        "Main Street 1",
        "Springfield",
        "Subscriber 0001",
        "1001",
        "US$45.00",
        "1 April 2026",
    ):
        assert fact in text
    assert "By transfer." in text


def test_the_providers_own_paper_is_fetched_where_it_prints_one(shell: Shell) -> None:
    with shell.config.open("a") as config:
        config.write(f'[providers.stripe]\nbase_url = "{shell.double.public_url}"\n')
    shell.all_set()
    shell.ran("push")
    out = shell.folder / "out.pdf"

    assert "as the provider prints it" in shell.ran("invoices", "pdf", "1001", "--out", str(out)).output
    assert out.read_bytes().startswith(b"%PDF")


def test_where_the_provider_cannot_be_reached_ours_has_the_same_figures(shell: Shell) -> None:
    integration = shell.all_set()
    shell.ran("push")
    shell.ran("integrations", "pause", integration)
    out = shell.folder / "out.pdf"

    assert "as we print it" in shell.ran("invoices", "pdf", "1001", "--out", str(out)).output
    assert "$45.00" in text_in(out.read_bytes())


def test_a_void_invoice_says_so_and_asks_for_nothing(entered: Shell) -> None:
    shell = entered
    shell.ran("invoices", "void", "1001")
    shell.ran("push")
    out = shell.folder / "out.pdf"
    shell.ran("invoices", "pdf", "1001", "--out", str(out))

    text = text_in(out.read_bytes())
    assert "Void: nothing is to be paid" in text
    assert "Paid or credited" not in text


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--locale", "xx_nowhere"), "no locale"),
        (("--address", "x" * 81), "address: at most 80"),
        (("--tax-number", "a\x1bb"), "tax_number"),
        (tuple(word for n in range(9) for word in ("--address", str(n))), "at most 8 lines"),
    ],
)
def test_what_cannot_be_printed_is_refused_and_changes_nothing(
    entered: Shell, words: tuple[str, ...], why: str
) -> None:
    before = entered.json("tenants", "letterhead", "wisp")

    assert why in entered.refused("tenants", "letterhead", "wisp", *words)
    assert entered.json("tenants", "letterhead", "wisp") == before


def test_a_path_that_cannot_be_written_is_told(entered: Shell) -> None:
    assert "cannot be written" in entered.refused("invoices", "pdf", "1001", "--out", "/nowhere/x.pdf")


def test_a_change_of_the_letterhead_is_in_the_audit(entered: Shell) -> None:
    entered.ran("tenants", "letterhead", "wisp", "--tax-number", "VAT 1")

    assert "tenant.letterhead" in entered.ran("audit", "list").output
