"""All charts of a report in one picture, one below the other."""

from __future__ import annotations

from daemon.errors import InvalidInput
from daemon.reports.shape import Report
from daemon.reports.writing.charts import HEIGHT, WIDTH, svg

MIDDLE = "#757575"
"""Text of a picture that stands alone: 4.6 to 1 on white, and on black (WCAG 2.2, 1.4.3)."""


def write(report: Report) -> bytes:
    """Raises InvalidInput where the report has nothing to draw."""
    if not report.charts:
        raise InvalidInput("WB-INPUT", f"there is nothing to draw in {report.name}: ask for another format")
    parts = [svg(chart, at_y=n * HEIGHT) for n, chart in enumerate(report.charts)]
    height = HEIGHT * len(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" color="{MIDDLE}">{"".join(parts)}</svg>\n'
    ).encode()
