"""A chart as SVG, drawn on the server: no script, no style sheet, so that it stands under any page's policy.

Text and lines take the colour of the page's text (`currentColor`); the parts have colours that stand out 3 to
1 from white and from near black. A picture says its sums to who does not see it; `figure` puts the table
beside it.
"""

from __future__ import annotations

import math
import re
from html import escape
from xml.etree import ElementTree as ET

from charted import ColumnChart
from defusedxml.ElementTree import fromstring

from daemon.reports.shape import Chart

WIDTH, HEIGHT = 760, 320

CLOSE, MOST_LABELS = 10, 12
"""charted labels every column up to so many; of more, about as many as this."""

LARGEST = 100_000
"""From here on the axis counts thousands, or millions: long numbers would take the room of the columns."""

SCALES = ((1, ""), (1000, "thousand "), (1_000_000, "million "), (1_000_000_000, "billion "))

COLOURS = ["#2f7ed8", "#c9622b", "#1f9d72", "#a062c9", "#9a7d0a", "#d0485a", "#178a9c"]
"""Each 3.4 to 1 or more on #ffffff and on #13171f (WCAG 2.2, 1.4.11 asks for 3)."""

SVG = "http://www.w3.org/2000/svg"
TEXTS = {"#444444", "#000000"}
GRID, AXIS = "#cccccc", "#999"
FRAME = ("#FFFFFF", "#f5f5f5")

_MARK = re.compile(r"#(\d+)", re.ASCII)

ET.register_namespace("", SVG)


def svg(chart: Chart, *, at_y: int = 0) -> str:
    """The picture: `role="img"`, with its title and its sums as a description."""
    scale, word = _scale(chart)
    root = fromstring(_drawn(chart, scale, f"{chart.title}, {word}{chart.unit}"))
    key = _identifier(chart.key)
    for element in root.iter():
        _recolour(element)
        _label(element, chart)
        for name, value in element.attrib.items():
            if "plot-clip" in value:
                element.set(name, value.replace("plot-clip", f"{key}-clip"))
    _introduce(root, chart, key)
    if at_y:
        root.set("y", str(at_y))
    return ET.tostring(root, encoding="unicode")


def figure(chart: Chart) -> str:
    """HTML: the picture, and the same numbers as a table."""
    names = list(chart.parts)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in ("", *names))
    rows = "".join(
        f'<tr><th scope="row">{escape(label)}</th>'
        + "".join(f"<td>{_number(chart, chart.parts[name][n])}</td>" for name in names)
        + "</tr>"
        for n, label in enumerate(chart.labels)
    )
    title = f"{escape(chart.title)}, {escape(chart.unit)}"
    return (
        f'<figure class="chart">{svg(chart)}<figcaption><details><summary>{title}: the numbers</summary>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></details></figcaption>"
        "</figure>"
    )


def _scale(chart: Chart) -> tuple[int, str]:
    """What minor units are divided by, and the word for it."""
    heights = [abs(sum(parts)) for parts in zip(*chart.parts.values(), strict=True)]
    whole = max(heights, default=0) // 10**chart.digits
    fitting = (one for one in SCALES if whole < LARGEST * one[0])
    factor, word = next(fitting, SCALES[-1])
    return factor * 10**chart.digits, word


def _drawn(chart: Chart, scale: int, title: str) -> str:
    """Bars are floats, as pixels are; nothing is reckoned with them."""
    bars = [[minor / scale for minor in part] for part in chart.parts.values()]
    drawing = ColumnChart(
        data=bars,
        labels=_marks(len(chart.labels)),
        series_names=list(chart.parts) if len(bars) > 1 else None,
        legend="bottom" if len(bars) > 1 else "none",
        y_stacked=True,
        title=title,
        width=WIDTH,
        height=HEIGHT,
        colors=COLOURS,
    )
    return str(drawing.to_svg())


def _number(chart: Chart, minor: int) -> str:
    if not chart.digits:
        return str(minor)
    sign, text = "-" if minor < 0 else "", str(abs(minor)).rjust(chart.digits + 1, "0")
    return f"{sign}{text[: -chart.digits]}.{text[-chart.digits :]}"


def _marks(count: int) -> list[str]:
    """Where labels stand: charted draws every so many of a long axis, between a blank at either end, and
    none at all where those would have to be turned. So it gets short marks there, and `_label` the words."""
    stride = 1 if count + 2 <= CLOSE else math.ceil((count + 2) / MOST_LABELS)
    return ["" if (n + 1) % stride else f"#{n}" for n in range(count)]


def _label(element: ET.Element, chart: Chart) -> None:
    if (mark := _MARK.fullmatch(element.text or "")) and int(mark[1]) < len(chart.labels):
        element.text = chart.labels[int(mark[1])]
        element.attrib.pop("transform", None)
        element.set("text-anchor", "middle")


def _recolour(element: ET.Element) -> None:
    for name in ("fill", "stroke"):
        colour = element.get(name)
        if colour in FRAME:
            element.set(name, "none")
        elif colour in TEXTS or colour in (GRID, AXIS):
            element.set(name, "currentColor")
        if colour in (GRID, AXIS):
            element.set(f"{name}-opacity", "0.2" if colour == GRID else "0.6")
    element.attrib.pop("opacity", None)


def _introduce(root: ET.Element, chart: Chart, key: str) -> None:
    root.set("role", "img")
    root.set("aria-labelledby", f"{key}-title {key}-about")
    title = ET.Element(f"{{{SVG}}}title", {"id": f"{key}-title"})
    about = ET.Element(f"{{{SVG}}}desc", {"id": f"{key}-about"})
    title.text, about.text = f"{chart.title}, {chart.unit}", chart.about
    root[:0] = [title, about]


def _identifier(key: str) -> str:
    return "chart-" + re.sub(r"[^a-zA-Z0-9]+", "-", key)
