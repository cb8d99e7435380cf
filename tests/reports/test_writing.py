"""How reports are written: the same cells in every format; no text becomes a formula, or a tag."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.errors import InvalidInput
from daemon.money import Money
from daemon.reports.shape import Chart, Column, Kind, Report, Row
from daemon.reports.writing import FORMATS, figure, filename, svg, written
from daemon.reports.writing.cells import shown
from daemon.reports.writing.charts import COLOURS
from daemon.store import records

NOW = datetime(2026, 3, 31, 12, 30, tzinfo=UTC)
TENANT = records.Tenant(
    id="wbt_1",
    reference="wisp",
    name="Wisp",
    zone="Europe/Berlin",
    currency="EUR",
    letterhead={},
    created_at=NOW,
)

COLUMNS = (
    Column("customer_name", "Customer", Kind.TEXT),
    Column("currency", "Currency", Kind.TEXT),
    Column("owed", "Owed", Kind.MONEY),
    Column("invoices", "Invoices", Kind.COUNT),
    Column("due_on", "Due", Kind.DAY),
    Column("read_at", "Read", Kind.MOMENT),
    Column("in_time", "In time", Kind.SHARE),
    Column("lag", "Lag", Kind.DURATION),
)

HOSTILE = (
    "=cmd|'/C calc'!A0",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "<script>alert(1)</script>",
    'a"b,c\r\nd',
    "ß € 信",
)


def a_row(name: str = "Subscriber 0001", minor: int = 1250, currency: str = "EUR") -> Row:
    return {
        "customer_name": name,
        "currency": currency,
        "owed": Money(minor, currency),
        "invoices": 3,
        "due_on": date(2026, 3, 1),
        "read_at": NOW,
        "in_time": Fraction(39, 40),
        "lag": timedelta(minutes=3, seconds=20),
    }


def a_report(*rows: Row, charts: tuple[Chart, ...] = ()) -> Report:
    return Report(
        "ageing", "Receivables by age", TENANT, NOW, COLUMNS, rows, {"as-of": "2026-03-31"}, charts=charts
    )


def a_chart(*labels: str, parts: dict[str, tuple[int, ...]] | None = None) -> Chart:
    given = parts or {"owed": tuple(range(100, 100 + len(labels)))}
    return Chart("ageing-EUR", "Receivables by age", "a: 1.00 EUR", "EUR", labels, given, 2)


# --- CSV ----------------------------------------------------------------------------------------------


def read_csv(report: Report) -> list[list[str]]:
    return list(csv.reader(io.StringIO(written(report, "csv").decode(), newline="")))


def test_csv_has_decimal_strings_iso_days_moments_in_utc_shares_and_whole_seconds() -> None:
    head, row = read_csv(a_report(a_row()))
    assert head == [column.key for column in COLUMNS]
    assert row == [
        "Subscriber 0001",
        "EUR",
        "12.50",
        "3",
        "2026-03-01",
        "2026-03-31T12:30:00Z",
        "0.975",
        "200",
    ]


def test_an_amount_has_the_decimals_of_its_currency_and_a_negative_one_stays_a_number() -> None:
    rows = read_csv(
        a_report(a_row(minor=-5), a_row(minor=1250, currency="JPY"), a_row(minor=1, currency="BHD"))
    )
    assert [row[2] for row in rows[1:]] == ["-0.05", "1250", "0.001"]


@settings(max_examples=200)
@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
    | st.sampled_from(HOSTILE)
)
def test_a_text_comes_back_from_csv_and_never_begins_a_formula(text: str) -> None:
    cell = read_csv(a_report(a_row(name=text)))[1][0]
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert cell in (text, f"'{text}")


# --- JSON ---------------------------------------------------------------------------------------------


@settings(max_examples=100)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), st.integers(-(10**14), 10**14))
def test_json_comes_back_with_every_amount_exact(name: str, minor: int) -> None:
    document = json.loads(written(a_report(a_row(name, minor)), "json"))
    (row,) = document["rows"]
    assert row["customerName"] == name
    assert Money.parse(row["owed"], row["currency"]) == Money(minor, "EUR")
    assert (row["invoices"], row["inTime"], row["lag"]) == (3, "0.975", 200)
    assert document["asOf"] == "2026-03-31T12:30:00Z"
    assert document["columns"][0]["key"] == "customerName"


# --- XLSX ---------------------------------------------------------------------------------------------

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def sheet_of(report: Report, name: str = "xl/worksheets/sheet1.xml") -> tuple[Element, list[str]]:
    """A sheet, and the texts that its cells name by number."""
    with zipfile.ZipFile(io.BytesIO(written(report, "xlsx"))) as book:
        texts = fromstring(book.read("xl/sharedStrings.xml"))
        shared = [
            "".join(part.text or "" for part in one.iter(f"{SHEET}t")) for one in texts.iter(f"{SHEET}si")
        ]
        return fromstring(book.read(name)), shared


def cells_of(sheet: Element, shared: list[str]) -> list[list[str]]:
    rows = []
    for row in sheet.iter(f"{SHEET}row"):
        values = []
        for cell in row.iter(f"{SHEET}c"):
            value = cell.findtext(f"{SHEET}v") or ""
            values.append(shared[int(value)] if cell.get("t") == "s" else value)
        rows.append(values)
    return rows


def test_xlsx_has_numbers_that_add_up_and_a_frozen_head() -> None:
    sheet, shared = sheet_of(a_report(a_row(), a_row(minor=5)))
    _head, first, second = cells_of(sheet, shared)
    assert first[0] == "Subscriber 0001"
    assert [Decimal(row[2]) for row in (first, second)] == [Decimal("12.5"), Decimal("0.05")]
    assert sheet.find(f".//{SHEET}pane").get("state") == "frozen"  # type: ignore[union-attr]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_becomes_a_formula_of_xlsx(text: str) -> None:
    sheet, shared = sheet_of(a_report(a_row(name=text)))
    assert not list(sheet.iter(f"{SHEET}f"))
    assert cells_of(sheet, shared)[1][0].replace("_x000D_", "\r") == text


def test_the_same_report_gives_the_same_bytes_in_every_format() -> None:
    made = a_report(a_row(), charts=(a_chart("a", "b"),))
    for name in FORMATS:
        assert written(made, name) == written(made, name)


# --- charts -------------------------------------------------------------------------------------------

SVG = "{http://www.w3.org/2000/svg}"


def test_a_picture_is_an_image_that_says_its_title_and_its_sums() -> None:
    root = fromstring(svg(a_chart("Not due", "1-30 days")))
    assert root.get("role") == "img"
    title, about = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None and about is not None
    assert (title.text, about.text) == ("Receivables by age, EUR", "a: 1.00 EUR")
    assert root.get("aria-labelledby") == f"{title.get('id')} {about.get('id')}"


@pytest.mark.parametrize("count", [1, 2, 5, 11, 12, 13, 24, 36, 60, 120])
@pytest.mark.parametrize("height", [1, 99_999_99, 7 * 10**14])
def test_whatever_the_numbers_some_labels_are_there_and_none_twice(count: int, height: int) -> None:
    months = [f"{2026 + n // 12}-{n % 12 + 1:02}" for n in range(count)]
    chart = a_chart(*months, parts={"a": (height,) * count, "b": (1,) * count})
    drawn = [text for text in re.findall(r">(\d{4}-\d{2})<", svg(chart)) if text in months]
    assert len(set(drawn)) == len(drawn) >= min(count, 4)
    assert "#" not in "".join(re.findall(r">([^<]*)</text>", svg(chart)))


@pytest.mark.parametrize("parts", [{"owed": (0, 0)}, {"owed": (-500, 300)}, {"a": (0, 0), "b": (0, 5)}])
def test_nothing_and_less_than_nothing_can_be_drawn(parts: dict[str, tuple[int, ...]]) -> None:
    assert fromstring(svg(a_chart("x", "y", parts=parts))).get("role") == "img"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_labels_are_words_in_the_picture_and_in_the_table(text: str) -> None:
    chart = a_chart(text, "other", parts={text: (1, 2), "b": (3, 4)})
    for markup in (svg(chart), figure(chart)):
        assert "<script" not in markup
        root = fromstring(markup)
        assert {one.tag.split("}")[-1] for one in root.iter()} <= DRAWN


PICTURE = {"svg", "title", "desc", "defs", "clipPath", "rect", "path", "text", "g", "tspan", "line"}
TABLE = {"figure", "figcaption", "details", "summary", "table", "thead", "tbody", "tr", "th", "td"}
DRAWN = PICTURE | TABLE


def test_text_takes_the_page_s_colour_and_no_style_sheet_is_needed() -> None:
    markup = svg(a_chart("x", "y"))
    fills = set(re.findall(r'(?:fill|stroke)="([^"]+)"', markup))
    assert fills <= {"none", "currentColor", *COLOURS}
    assert "<style" not in markup and "style=" not in markup


def test_every_colour_stands_out_three_to_one_on_white_and_on_the_dark_page() -> None:
    for colour in COLOURS:
        for page in ("#ffffff", "#13171f"):
            one, other = sorted((_light(colour), _light(page)))
            assert (other + 0.05) / (one + 0.05) >= 3


def _light(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_same_numbers_stand_in_a_table_beside_the_picture() -> None:
    markup = figure(a_chart("Not due", "1-30 days", parts={"owed": (1250, 5)}))
    assert re.findall(r"<td>([^<]*)</td>", markup) == ["12.50", "0.05"]


def test_charts_of_several_currencies_are_one_picture_without_an_id_twice() -> None:
    two = (
        a_chart("a", "b"),
        Chart("ageing-JPY", "Receivables by age", "a: 1 JPY", "JPY", ("a", "b"), {"owed": (1, 2)}),
    )
    root = fromstring(written(a_report(a_row(), charts=two), "svg"))
    named = [one.get("id") for one in root.iter() if one.get("id")]
    assert len(named) == len(set(named)) >= 4


def test_a_report_without_a_chart_says_so() -> None:
    with pytest.raises(InvalidInput, match="nothing to draw"):
        written(a_report(a_row()), "svg")


# --- words --------------------------------------------------------------------------------------------


def test_a_share_that_is_not_all_of_it_never_reads_as_all_of_it() -> None:
    assert (shown(Fraction(1)), shown(Fraction(99_999, 100_000))) == ("100.0 %", "99.9 %")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (200, "3 min 20 s"), (3600, "1 h 0 min"), (200_000, "2 d 7 h")],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: int, words: str) -> None:
    assert shown(timedelta(seconds=seconds)) == words


def test_a_file_is_named_after_what_was_asked() -> None:
    assert filename(a_report(), "csv") == "ageing-2026-03-31.csv"
