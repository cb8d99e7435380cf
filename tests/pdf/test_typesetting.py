"""An invoice on paper: every figure of it is there, in any script that the letters have."""

from __future__ import annotations

import io
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.errors import ConfigError
from daemon.money import Money
from daemon.pdf import Item, Sheet, Side, typeset
from daemon.pdf.letters import Letters


def a_sheet(*items: Item, paid: int = 0, **changes: object) -> Sheet:
    currency = items[0].net.currency
    total = Money(sum(item.net.minor + item.tax.minor for item in items), currency)
    sheet = Sheet(
        number="2027-0001",
        seller=Side("Tower Net", ("Main Street 1", "Springfield")),
        buyer=Side("Subscriber 0001", ("Hill Road 2",)),
        issued_on=date(2027, 3, 1),
        due_on=date(2027, 3, 15),
        items=items,
        total=total,
        settled=Money(paid, currency),
        owed=Money(total.minor - paid, currency),
    )
    return replace(sheet, **changes)  # type: ignore[arg-type]


def an_item(net: int = 4500, tax: int = 0, currency: str = "EUR", text: str = "Internet, March") -> Item:
    return Item(text, Money(net, currency), Money(tax, currency), "19 %" if tax else None)


def pages_of(pdf: bytes) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


def text_of(sheet: Sheet) -> str:
    return "\n".join(pages_of(typeset(sheet)))


def test_every_fact_of_the_invoice_stands_on_it() -> None:
    text = text_of(
        a_sheet(an_item(4500, 855), paid=1000, state="Part paid", memo="Thank you.", locale="en_GB")
    )

    for fact in ("Tower Net", "Main Street 1", "Subscriber 0001", "Hill Road 2", "2027-0001", "1 March 2027"):
        assert fact in text
    for fact in ("15 March 2027", "45.00", "8.55", "19 %", "€53.55", "-€10.00", "€43.55", "Part paid"):
        assert fact in text


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [(1250, "JPY", "1,250"), (1250500, "IQD", "1,250.500"), (5, "BHD", "0.005"), (1250, "RSD", "12.50")],
)
def test_the_decimals_are_those_of_the_currency(minor: int, currency: str, shown: str) -> None:
    lines = text_of(a_sheet(an_item(minor, currency=currency))).splitlines()

    assert shown in lines


def test_how_to_pay_is_told_only_where_something_is_owed() -> None:
    told = {"how_to_pay": "By transfer to account 1.", "pay_url": "https://pay.example.com/1"}
    owed, paid = (text_of(a_sheet(an_item(), paid=sum_, **told)) for sum_ in (0, 4500))

    assert "By transfer to account 1." in owed
    assert "https://pay.example.com/1" in owed
    assert "By transfer" not in paid
    assert "pay.example.com" not in paid


def test_many_items_go_on_over_pages_that_are_counted() -> None:
    items = [an_item(text=f"Line {n} of many") for n in range(200)]
    pages = pages_of(typeset(a_sheet(*items)))

    assert len(pages) > 3
    assert [f"Page {n} of {len(pages)}" in page for n, page in enumerate(pages, 1)] == [True] * len(pages)
    assert all(any(f"Line {n} of many" in page for page in pages) for n in range(200))
    assert all("Description" in page for page in pages[:-1])


def test_the_same_sheet_gives_the_same_bytes_in_any_thread() -> None:
    sheets = [a_sheet(an_item(text=f"Ωμέγα {n}"), number=f"N-{n}") for n in range(8)]
    alone = [typeset(sheet) for sheet in sheets]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(typeset, sheets * 4)) == alone * 4


def test_arabic_is_joined_and_runs_from_right_to_left() -> None:
    line = Letters.of(()).line("سلام 12", 10)

    assert line.leans_right
    assert line.text.startswith("12 ")
    joined = [unicodedata.name(c) for c in line.text if c not in " 12"]
    assert all("FORM" in name for name in joined)
    assert "SEEN INITIAL" in joined[-1]


def test_hebrew_runs_from_right_to_left_and_a_number_in_it_does_not() -> None:
    assert Letters.of(()).line("שלום 12", 10).text == "12 םולש"


@pytest.mark.parametrize("text", ["Ωμέγα", "Кириллица", "Žluťoučký kůň", "Հայերեն", "ქართული", "₹ ₺ € £ ¥"])
def test_each_script_of_the_bundled_letters_is_drawn_as_written(text: str) -> None:
    assert text in text_of(a_sheet(an_item(text=text)))


def test_a_font_of_the_operator_is_tried_where_the_bundled_one_has_no_letter(tmp_path: Path) -> None:
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"no font")

    with pytest.raises(ConfigError, match=r"broken\.ttf is not a TrueType font"):
        typeset(a_sheet(an_item(), fonts=(str(broken),)))
    with pytest.raises(ConfigError, match=r"none\.ttf"):
        typeset(a_sheet(an_item(), fonts=(str(tmp_path / "none.ttf"),)))


@given(text=st.text(max_size=300), width=st.floats(30, 500))
@settings(max_examples=150, deadline=None)
def test_whatever_a_description_holds_no_line_is_wider_than_its_column(text: str, width: float) -> None:
    lines = Letters.of(()).lines(text, 9.5, width)

    assert all(line.width <= width + 0.01 or len(line.text) <= 1 for line in lines)


@given(text=st.text(alphabet=st.characters(codec="utf-8"), max_size=200), minor=st.integers(0, 10**15))
@settings(max_examples=25, deadline=None)
def test_no_text_and_no_amount_breaks_the_paper(text: str, minor: int) -> None:
    sheet = a_sheet(an_item(minor, text=text), memo=text, state=text, number=text or "1")

    assert typeset(replace(sheet, seller=Side(text, (text,)))).startswith(b"%PDF")
