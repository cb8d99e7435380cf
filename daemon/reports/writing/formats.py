"""The formats by name, with their media types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from daemon.errors import InvalidInput
from daemon.reports.shape import Report
from daemon.reports.writing import as_csv, as_json, as_svg, as_xlsx


@dataclass(frozen=True, slots=True)
class Format:
    """`is_text`: it can be printed."""

    name: str
    media_type: str
    write: Callable[[Report], bytes]
    is_text: bool = True


_ALL = (
    Format("json", "application/json", as_json.write),
    Format("csv", "text/csv", as_csv.write),
    Format("xlsx", as_xlsx.MEDIA_TYPE, as_xlsx.write, is_text=False),
    Format("svg", "image/svg+xml", as_svg.write),
)

FORMATS: Mapping[str, Format] = {one.name: one for one in _ALL}


def written(report: Report, name: str) -> bytes:
    """Raises InvalidInput for a format that there is not, or that this report does not have."""
    if name not in FORMATS:
        raise InvalidInput("WB-INPUT", f"format: one of {', '.join(FORMATS)}", field="format")
    return FORMATS[name].write(report)


def filename(report: Report, name: str) -> str:
    """`ageing-2026-03-31.csv`: safe in a header and on a disk."""
    asked = "-".join(report.parameters.values())
    return f"{report.name}{'-' if asked else ''}{asked}.{name}"
