"""Letters: which font has them, how they join, in which order they are seen, and where a line breaks.

A PDF draws glyphs from left to right; Arabic joins its letters and, as Hebrew does, runs the other way.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import cast

import arabic_reshaper
from bidi import get_display
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont

from daemon.errors import ConfigError

PLAIN, BOLD = "DejaVuSans", "DejaVuSans-Bold"
_RIGHT_TO_LEFT = ("R", "AL")
_registering = threading.Lock()


@dataclass(frozen=True, slots=True)
class Line:
    """As it is drawn, from left to right. `leans_right`: it is read from the right."""

    text: str
    font: str
    width: float
    leans_right: bool


@dataclass(frozen=True, slots=True)
class Letters:
    """Fonts by name; the first that has every letter of a text draws it."""

    plain: tuple[str, ...]
    bold: tuple[str, ...]

    @classmethod
    def of(cls, fonts: Sequence[str]) -> Letters:
        """The bundled ones, then these files. Raises ConfigError on a file that is no TrueType font."""
        more = tuple(_load(path) for path in fonts)
        return cls((_bundled(PLAIN), *more), (_bundled(BOLD), *more))

    def lines(self, text: str, size: float, width: float, *, bold: bool = False) -> list[Line]:
        """The text broken so that no line is wider than `width` points; line ends in it stay."""
        names = self.bold if bold else self.plain
        return [
            self._line(part, size, names)
            for paragraph in _drawable(text).split("\n")
            for part in _broken(paragraph, _font_for(paragraph, names), size, width)
        ]

    def line(self, text: str, size: float, *, bold: bool = False) -> Line:
        return self._line(_drawable(text).replace("\n", " "), size, self.bold if bold else self.plain)

    def _line(self, text: str, size: float, names: Sequence[str]) -> Line:
        font = _font_for(text, names)
        seen = _as_seen(text)
        return Line(seen, font, pdfmetrics.stringWidth(seen, font, size), _leans_right(text))


def _bundled(name: str) -> str:
    with _registering:
        if name not in pdfmetrics.getRegisteredFontNames():
            with as_file(files("daemon.pdf") / "fonts" / f"{name}.ttf") as path:
                pdfmetrics.registerFont(TTFont(name, str(path)))
    return name


def _load(path: str) -> str:
    name = f"file:{path}"
    with _registering:
        if name not in pdfmetrics.getRegisteredFontNames():
            try:
                pdfmetrics.registerFont(TTFont(name, path))
            except (TTFError, OSError) as error:
                raise ConfigError(f"{Path(path).name} is not a TrueType font that can be read") from error
    return name


def _font_for(text: str, names: Sequence[str]) -> str:
    return next((name for name in names if _has_all(name, text)), names[0])


def _has_all(name: str, text: str) -> bool:
    glyphs = _glyphs(name)
    return all(ord(letter) in glyphs for letter in _as_seen(text) if not letter.isspace())


@cache
def _glyphs(name: str) -> frozenset[int]:
    font = cast(TTFont, pdfmetrics.getFont(name))
    return frozenset(font.face.charToGlyph)


def _drawable(text: str) -> str:
    """Composed where that can be, and without the characters that only steer a terminal or a printer."""
    composed = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\t", " "))
    return "".join(c for c in composed if c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Cs"))


def _leans_right(text: str) -> bool:
    """By its first letter that has a direction, as the Unicode rules have it for a paragraph."""
    strong = (unicodedata.bidirectional(c) for c in text)
    return next((way in _RIGHT_TO_LEFT for way in strong if way in ("L", *_RIGHT_TO_LEFT)), False)


def _as_seen(text: str) -> str:
    if not any(unicodedata.bidirectional(c) in _RIGHT_TO_LEFT for c in text):
        return text
    seen = get_display(arabic_reshaper.reshape(text))
    return seen if isinstance(seen, str) else seen.decode()


def _broken(text: str, font: str, size: float, width: float) -> Iterator[str]:
    """Between words; inside a word only where it is wider than a line."""

    def fits(part: str) -> bool:
        return pdfmetrics.stringWidth(_as_seen(part), font, size) <= width

    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if fits(longer):
            line = longer
            continue
        if line:
            yield line
        line = word
        while not fits(line):
            most = _most_that_fits(line, font, size, width)
            yield line[:most]
            line = line[most:]
    yield line


def _most_that_fits(word: str, font: str, size: float, width: float) -> int:
    """At least one letter, however narrow the line."""
    low, high = 1, len(word)
    while low < high:
        middle = (low + high + 1) // 2
        if pdfmetrics.stringWidth(_as_seen(word[:middle]), font, size) <= width:
            low = middle
        else:
            high = middle - 1
    return low
