"""Reports: the list of them, and each as JSON, CSV, XLSX or SVG, by `format` or by Accept."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, create_model
from pydantic.alias_generators import to_camel

from daemon.reports import REPORTS, Asked, ReportType, Wish, close, make
from daemon.reports.writing import FORMATS, filename, written
from daemon.reports.writing.as_json import document
from daemon.store import closes
from daemon.store.closes import Closed
from daemon.web.api import roles
from daemon.web.api.given import Given, Name, Query
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


class PartShown(Shown):
    """Another table beside the first."""

    title: str
    columns: list[ColumnShown]
    rows: list[dict[str, Any]]


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
    parts: dict[str, PartShown]
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


class CloseMonthGiven(Given):
    """`month`: as `2026-03`; it must be over."""

    month: Month
    note: Name | None = None


class ReopenMonthGiven(Given):
    month: Month
    reason: Name


class ClosedShown(Shown):
    """A closing. `sums` hold minor units, for each integration and currency."""

    id: str
    month: str
    verdict: str
    note: str | None
    closed_by: str
    closed_at: datetime
    reopened_by: str | None
    reopened_at: datetime | None
    reason: str | None
    sums: list[dict[str, Any]]


def close_month(request: Request) -> Answer:
    body = request.given(CloseMonthGiven)
    row = close.record(request.house, _of(request, body.month), note=body.note, actor=request.actor)
    return Answer(_closed(row), 201)


def reopen_month(request: Request) -> Answer:
    body = request.given(ReopenMonthGiven)
    asked = _of(request, body.month)
    close.reopen(request.house, asked, reason=body.reason, actor=request.actor)
    (*_before, row) = closes.history(request.tenant.id, body.month)
    return Answer(_closed(row))


def _of(request: Request, month: str) -> Asked:
    return Asked(request.tenant, Wish(month=month), request.now)


def _closed(row: Closed) -> ClosedShown:
    sums = [{to_camel(name): value for name, value in one.items()} for one in row.sums]
    names = (name for name in ClosedShown.model_fields if name != "sums")
    return ClosedShown(sums=sums, **{name: getattr(row, name) for name in names})


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
    Route(
        "POST",
        f"{ROOT}/close",
        close_month,
        roles.ONLY_OFFICE,
        "Close a month with the sums that it has now",
        given=CloseMonthGiven,
        shown=ClosedShown,
        status=201,
    ),
    Route(
        "POST",
        f"{ROOT}/close/reopen",
        reopen_month,
        roles.ONLY_ADMINS,
        "Take the closing of a month back",
        given=ReopenMonthGiven,
        shown=ClosedShown,
    ),
)
