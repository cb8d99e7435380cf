"""Reports: the list of them, and each as JSON, CSV, XLSX or SVG, by `format` or by Accept."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from daemon.reports import REPORTS, ReportType, Wish, make
from daemon.reports.writing import FORMATS, filename, written
from daemon.reports.writing.as_json import document
from daemon.web.api import roles
from daemon.web.api.given import Query
from daemon.web.api.routing import Answer, File, Handle, Request, Route
from daemon.web.api.shown import Shown

ROOT = "/api/reports"

Month = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}$", examples=["2026-03"])]
Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", examples=["2026-03-31"])]

HARMLESS = {"Content-Security-Policy": "default-src 'none'; sandbox"}
"""A picture that is opened by itself runs nothing and fetches nothing."""


class ReportQuery(Query):
    """`format` goes before Accept."""

    format: Literal["json", "csv", "xlsx", "svg"] | None = None


PARAMETERS: dict[str, Any] = {
    "month": (Month | None, None),
    "as_of": (Day | None, None),
    "since": (Annotated[Month | Day | None, Field(alias="from")], None),
    "until": (Annotated[Month | Day | None, Field(alias="to")], None),
}


def _query_of(one: ReportType) -> type[ReportQuery]:
    """The query of a report: its parameters, and no other's."""
    name = "".join(word.capitalize() for word in one.name.split("-"))
    taken: dict[str, Any] = {key: PARAMETERS[key] for key in one.takes}
    return create_model(f"{name}Query", __base__=ReportQuery, **taken)


class ReportTypeShown(Shown):
    """`takes`: the names of its parameters."""

    name: str
    about: str
    takes: list[str]


class ReportList(Shown):
    reports: list[ReportTypeShown]


class ColumnShown(Shown):
    """`kind`: text, money (decimal text of the row's `currency`), count, date, moment, share (as text: 0.975)
    or duration (whole seconds)."""

    key: str
    heading: str
    kind: str


class ReportTenant(Shown):
    id: str
    reference: str
    zone: str


class ReportShown(Shown):
    """`rows` and `totals` hold values by the keys of the columns, and ids beside them. `well` is false where
    somebody should put something right; `verdict` says it in a sentence."""

    report: str
    title: str
    tenant: ReportTenant
    as_of: str
    parameters: dict[str, str]
    verdict: str | None
    well: bool
    columns: list[ColumnShown]
    rows: list[dict[str, Any]]
    totals: list[dict[str, Any]]
    notes: list[str]


def list_reports(_request: Request) -> Answer:
    rows = [
        ReportTypeShown(name=one.name, about=one.summary, takes=list(one.parameters))
        for one in REPORTS.values()
    ]
    return Answer(ReportList(reports=rows))


def _making(one: ReportType) -> Handle:
    def handle(request: Request) -> Answer:
        asked = request.asked(ReportQuery)
        wish = Wish(**{key: getattr(asked, key) for key in one.takes})
        made = make(request.house, request.tenant, one.name, wish)
        form = asked.format or _accepted(request.accept)
        if form == "json":
            return Answer(ReportShown.model_validate(document(made)))
        content = written(made, form)
        return Answer(file=File(FORMATS[form].media_type, content, filename(made, form)), headers=HARMLESS)

    return handle


def _accepted(header: str) -> str:
    """The first format that an Accept header names; JSON where it names none."""
    for part in header.split(",")[:20]:
        kind = part.partition(";")[0].strip().lower()
        for form in FORMATS.values():
            if kind == form.media_type:
                return form.name
    return "json"


FILES = tuple(one.media_type for one in FORMATS.values() if one.name != "json")

ROUTES = (
    Route("GET", ROOT, list_reports, roles.ONLY_READERS, "List the reports", shown=ReportList),
    *(
        Route(
            "GET",
            f"{ROOT}/{one.name}",
            _making(one),
            roles.ONLY_READERS,
            f"Report: {one.summary[:1].lower()}{one.summary[1:].rstrip('.')}",
            asked=_query_of(one),
            shown=ReportShown,
            files=FILES,
        )
        for one in REPORTS.values()
    ),
)
