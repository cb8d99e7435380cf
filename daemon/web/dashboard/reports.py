"""Reports: looked at with their charts, and taken along as a file."""

from __future__ import annotations

from functools import partial

from markupsafe import Markup

from daemon.errors import NotFound
from daemon.reports import REPORTS, Report, Wish, make
from daemon.reports.shape import Kind
from daemon.reports.writing import FORMATS, figure, filename, written
from daemon.reports.writing.cells import shown
from daemon.web.dashboard.roles import READERS
from daemon.web.dashboard.within import Desk, Spot
from daemon.web.pages import Answer, File

FILES = ("csv", "xlsx")
DRAWN = ("Collections", "Ageing")
MOST_ROWS = 500
NAMES = {"month": "Month", "as_of": "As of", "since": "From", "until": "To"}
HINTS = {
    "month": "like 2026-03",
    "as_of": "like 2026-03-31",
    "since": "like 2026-03",
    "until": "like 2026-12",
}
RIGHT = (Kind.MONEY, Kind.COUNT, Kind.SHARE)


def listed(desk: Desk) -> Answer:
    return desk.view("reports", "Reports", reports=REPORTS.values())


def one(desk: Desk) -> Answer:
    """Raises InvalidInput for parameters that it cannot take."""
    kind = REPORTS.get(desk.visit.path["report"])
    report = _made(desk)
    if kind is None:
        raise NotFound("report", desk.visit.path["report"])
    return desk.view(
        "report",
        report.title,
        report=report,
        kind=kind,
        cell=shown,
        right=RIGHT,
        rows=report.rows[:MOST_ROWS],
        more=max(0, len(report.rows) - MOST_ROWS),
        figures=[Markup(figure(chart)) for chart in report.charts],  # noqa: S704 - escaped where it is made
        asked={name: desk.visit.query.get(name) for name in kind.takes},
        names=NAMES,
        hints=HINTS,
        files=FILES,
    )


def charts(desk: Desk) -> Answer:
    """What was collected, and what is owed by age: a part of the overview, and a page of its own."""
    drawn = [(name, desk.pictures.of(desk.tenant.id, name, partial(_drawn, desk, name))) for name in DRAWN]
    return desk.view("charts", "Charts", part="charts", charts=drawn)


def _drawn(desk: Desk, name: str) -> list[Markup]:
    made = make(desk.house, desk.tenant, name.lower(), Wish())
    return [Markup(figure(chart)) for chart in made.charts]  # noqa: S704 - escaped where it is made


def download(desk: Desk) -> Answer:
    name = desk.visit.path["format"]
    if name not in FILES:
        raise NotFound("format", name)
    report = _made(desk)
    return File(written(report, name), FORMATS[name].media_type, filename(report, name))


def _made(desk: Desk) -> Report:
    """Raises NotFound, InvalidInput."""
    query = desk.visit.query
    wish = Wish(**{name: query.get(name) or None for name in NAMES})
    return make(desk.house, desk.tenant, desk.visit.path["report"], wish)


SPOTS = (
    Spot("GET", "charts", charts, READERS),
    Spot("GET", "reports", listed, READERS),
    Spot("GET", "reports/{report}", one, READERS),
    Spot("GET", "reports/{report}/{format}", download, READERS),
)
