"""An invoice set on pages: head and parties, the items, what they come to, how to pay.

The same sheet gives the same bytes. Points from the lower left corner, as PDF counts.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4, LETTER
from reportlab.pdfgen.canvas import Canvas

from daemon import locales
from daemon.money import Money
from daemon.pdf.letters import Letters, Line
from daemon.pdf.sheet import Item, Sheet, Side

MARGIN = 54.0
INK, FAINT, RULE, ACCENT = HexColor("#1c2430"), HexColor("#5b6675"), HexColor("#d5dae1"), HexColor("#0b6e69")
SIZE, SMALL, LARGE = 9.5, 8.0, 20.0
LEADING = 1.4
_drawing = threading.Lock()
"""The library keeps the letters that a document uses in its fonts, which all threads share."""


def typeset(sheet: Sheet) -> bytes:
    """The invoice as PDF. Raises ConfigError where a font file of the sheet cannot be used."""
    with _drawing:
        pages = _Setter(sheet).set()
        return _Setter(sheet, pages=pages).bytes()


@dataclass(frozen=True, slots=True)
class Column:
    """`x` is the left edge of the column; its text stands at the right edge where `right`."""

    title: str
    x: float
    width: float
    right: bool = True


class _Setter:
    """Set once to count the pages, then again to write how many there are."""

    def __init__(self, sheet: Sheet, pages: int = 0) -> None:
        self.sheet = sheet
        self.pages = pages
        self.page = 1
        self.letters = Letters.of(sheet.fonts)
        size = A4 if sheet.paper == "A4" else LETTER
        self.width, self.height = size
        self.y = self.height - MARGIN
        self.file = io.BytesIO()
        self.canvas = Canvas(self.file, pagesize=size, invariant=1, pageCompression=1, lang=sheet.locale)
        self.canvas.setTitle(f"Invoice {sheet.number}")
        self.canvas.setAuthor(sheet.seller.name)
        self.columns = self._columns()

    def set(self) -> int:
        self._head()
        self._items()
        self._sums()
        self._closing()
        self._foot()
        self.canvas.save()
        return self.page

    def bytes(self) -> bytes:
        self.set()
        return self.file.getvalue()

    # --- the hand -------------------------------------------------------------------------------------

    @property
    def right(self) -> float:
        return self.width - MARGIN

    def _draw(self, line: Line, x: float, size: float, *, right: bool = False, ink: Color = INK) -> None:
        self.canvas.setFillColor(ink)
        self.canvas.setFont(line.font, size)
        self.canvas.drawString(x - line.width if right else x, self.y, line.text)

    def _say(
        self,
        text: str,
        x: float,
        size: float = SIZE,
        *,
        bold: bool = False,
        right: bool = False,
        ink: Color = INK,
    ) -> None:
        self._draw(self.letters.line(text, size, bold=bold), x, size, right=right, ink=ink)

    def _block(self, lines: Sequence[Line], x: float, width: float, size: float, ink: Color = INK) -> None:
        """Line under line; what is read from the right stands at the right."""
        for line in lines:
            self._draw(line, x + width if line.leans_right else x, size, right=line.leans_right, ink=ink)
            self.y -= size * LEADING

    def _rule(self, x: float, ink: Color = RULE) -> None:
        self.canvas.setStrokeColor(ink)
        self.canvas.setLineWidth(0.7)
        self.canvas.line(x, self.y, self.right, self.y)

    def _need(self, height: float) -> bool:
        """Whether a new page was begun, because this one has no room for it."""
        if self.y - height > MARGIN + 2 * SMALL * LEADING:
            return False
        self._foot()
        self.canvas.showPage()
        self.page += 1
        self.y = self.height - MARGIN
        return True

    def _foot(self) -> None:
        self.y = MARGIN - SMALL
        self._say(f"Invoice {self.sheet.number}", MARGIN, SMALL, ink=FAINT)
        self._say(f"Page {self.page} of {self.pages}", self.right, SMALL, right=True, ink=FAINT)

    # --- head -----------------------------------------------------------------------------------------

    def _head(self) -> None:
        sheet, half = self.sheet, (self.right - MARGIN) / 2 - 12
        top = self.y
        self._say("Invoice", self.right, LARGE, right=True, bold=True, ink=ACCENT)
        self.y -= LARGE * LEADING
        for label, value in (
            ("Number", sheet.number),
            ("Date", locales.day(sheet.issued_on, sheet.locale)),
            ("Due", locales.day(sheet.due_on, sheet.locale)),
            ("Currency", sheet.total.currency),
        ):
            self._fact(label, value, half)
        low, self.y = self.y, top
        self._side(sheet.seller, half, bold=True)
        self.y = min(self.y, low) - 2 * SIZE
        self._say("Billed to", MARGIN, SMALL, ink=FAINT)
        self.y -= SIZE * LEADING
        self._side(sheet.buyer, half)
        if sheet.state:
            self.y -= SIZE
            self._block(
                self.letters.lines(sheet.state, SIZE, self.right - MARGIN, bold=True),
                MARGIN,
                self.right - MARGIN,
                SIZE,
                ACCENT,
            )
        self.y -= 2 * SIZE

    def _fact(self, label: str, value: str, width: float) -> None:
        lines = self.letters.lines(value, SIZE, width - 60)
        self._say(label, self.right - width, SMALL, ink=FAINT)
        for line in lines:
            self._draw(line, self.right, SIZE, right=True)
            self.y -= SIZE * LEADING

    def _side(self, side: Side, width: float, *, bold: bool = False) -> None:
        size = SIZE + 2.5 if bold else SIZE
        self._block(self.letters.lines(side.name, size, width, bold=True), MARGIN, width, size)
        for text in side.under:
            self._block(self.letters.lines(text, SIZE, width), MARGIN, width, SIZE, FAINT)

    # --- items ----------------------------------------------------------------------------------------

    def _columns(self) -> list[Column]:
        """As wide as the widest amount needs; what no item has gets none."""
        items = self.sheet.items
        amounts = [self.sheet.net, self.sheet.total, *(item.net for item in items)]
        widest = max(self.letters.line(self._amount(money), SIZE).width for money in amounts)
        money = max(58.0, widest + 12)
        wanted = [("Amount", money)]
        if any(item.tax.minor for item in items):
            wanted += [("Tax", money), ("Net", money)]
        if any(item.tax_rate for item in items):
            wanted.append(("Rate", 58.0))
        if any(item.quantity for item in items):
            wanted.append(("Quantity", 58.0))
        x, found = self.right, []
        for title, width in wanted:
            x -= width
            found.append(Column(title, x, width))
        return [Column("Description", MARGIN, x - MARGIN - 10, right=False), *found[::-1]]

    def _titles(self) -> None:
        for column in self.columns:
            x = column.x + (column.width if column.right else 0)
            self._say(column.title, x, SMALL, right=column.right, ink=FAINT)
        self.y -= SMALL * 0.8
        self._rule(MARGIN)
        self.y -= SIZE * LEADING

    def _items(self) -> None:
        self._titles()
        for item in self.sheet.items:
            cells = [self._cell(item, column) for column in self.columns]
            height = max(len(lines) for lines in cells) * SIZE * LEADING
            if self._need(min(height, self.height / 2)):
                self._titles()
            self._row(cells)

    def _row(self, cells: Sequence[Sequence[Line]]) -> None:
        """Line by line, so that a description longer than a page goes on on the next one."""
        for n in range(max(len(lines) for lines in cells)):
            if self._need(SIZE * LEADING):
                self._titles()
            for column, lines in zip(self.columns, cells, strict=True):
                if n < len(lines):
                    line = lines[n]
                    right = column.right or line.leans_right
                    self._draw(line, column.x + (column.width if right else 0), SIZE, right=right)
            self.y -= SIZE * LEADING
        self.y -= 3

    def _cell(self, item: Item, column: Column) -> list[Line]:
        text = {
            "Description": item.description,
            "Quantity": item.quantity or "",
            "Rate": item.tax_rate or "",
            "Net": self._amount(item.net),
            "Tax": self._amount(item.tax),
            "Amount": self._amount(item.net + item.tax),
        }[column.title]
        return self.letters.lines(text, SIZE, column.width - (6 if column.right else 0))

    def _amount(self, money: Money) -> str:
        return locales.number(money, self.sheet.locale)

    # --- sums -----------------------------------------------------------------------------------------

    def _sums(self) -> None:
        rows = list(self._told())
        self._need(len(rows) * SIZE * LEADING + 30)
        left = self.right - 230
        self.y += SIZE * 0.4
        self._rule(MARGIN)
        self.y -= SIZE * LEADING
        for label, money, bold in rows:
            if bold:
                self._rule(left)
                self.y -= SIZE * LEADING
            self._say(label, left, SIZE, bold=bold)
            self._say(locales.money(money, self.sheet.locale), self.right, SIZE, right=True, bold=bold)
            self.y -= SIZE * LEADING * (1.2 if bold else 1)

    def _told(self) -> Iterator[tuple[str, Money, bool]]:
        sheet = self.sheet
        if sheet.taxes:
            yield "Net", sheet.net, False
        for rate, tax in sheet.taxes:
            yield f"Tax {rate}".rstrip(), tax, False
        yield "Total", sheet.total, False
        if sheet.settled.minor:
            yield "Paid or credited", Money(-sheet.settled.minor, sheet.settled.currency), False
        yield "To pay", sheet.owed, True

    # --- closing --------------------------------------------------------------------------------------

    def _closing(self) -> None:
        sheet, width = self.sheet, self.right - MARGIN
        self.y -= SIZE
        texts = [sheet.memo]
        if sheet.owed.minor > 0:
            texts.append(sheet.how_to_pay)
        for text in filter(None, texts):
            self._paragraph(text, width)
        if sheet.pay_url and sheet.owed.minor > 0:
            self._link(sheet.pay_url, width)

    def _paragraph(self, text: str, width: float) -> None:
        for line in self.letters.lines(text, SIZE, width):
            self._need(SIZE * LEADING)
            self._block([line], MARGIN, width, SIZE)
        self.y -= SIZE

    def _link(self, url: str, width: float) -> None:
        lines = self.letters.lines(url, SIZE, width)
        self._need((len(lines) + 1) * SIZE * LEADING)
        self._say("Pay online", MARGIN, SIZE, bold=True)
        self.y -= SIZE * LEADING
        top = self.y + SIZE
        self._block(lines, MARGIN, width, SIZE, ACCENT)
        self.canvas.linkURL(url, (MARGIN, self.y, self.right, top), relative=0)
