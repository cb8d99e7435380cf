"""Invoices on paper, and what stands at their head."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from daemon.jobs.papers import paper_of
from daemon.model.letterhead import LONGEST, MOST_LINES, Letterhead
from daemon.store import tenants
from daemon.web.api import invoices, roles
from daemon.web.api.etags import etag
from daemon.web.api.given import Given
from daemon.web.api.routing import Answer, File, Request, Route
from daemon.web.api.shown import Shown

HEAD = "/api/letterhead"
PDF = "application/pdf"

Line = Annotated[str, Field(max_length=LONGEST["address"])]


class LetterheadGiven(Given):
    """All of it: what is left out is empty. `howToPay` is printed where something is owed; `locale` writes
    dates and money, like `en_GB` or `de`."""

    address: Annotated[tuple[Line, ...], Field(max_length=MOST_LINES)] = ()
    tax_number: Annotated[str, Field(max_length=LONGEST["tax_number"])] = ""
    how_to_pay: Annotated[str, Field(max_length=LONGEST["how_to_pay"])] = ""
    locale: Annotated[str, Field(max_length=LONGEST["locale"])] = "en"


class LetterheadShown(Shown):
    address: list[str]
    tax_number: str
    how_to_pay: str
    locale: str


def pdf(request: Request) -> Answer:
    row = invoices.named(request)
    return Answer(file=File(PDF, paper_of(request.house, row).pdf, f"invoice-{row.number}.pdf"))


def shown(request: Request) -> Answer:
    return _answer(Letterhead.read(request.tenant.letterhead))


def change(request: Request) -> Answer:
    body = request.given(LetterheadGiven)
    head = Letterhead.read(body.model_dump())

    def work() -> None:
        row = tenants.get(request.tenant.id)
        request.insist_on(_version(Letterhead.read(row.letterhead)))
        tenants.set_letterhead(row, head, actor=request.actor, now=request.now)

    request.write("tenants.letterhead", work)
    return _answer(head)


def _answer(head: Letterhead) -> Answer:
    return Answer(LetterheadShown(**head.document()), etag=_version(head))


def _version(head: Letterhead) -> str:
    return etag([head.document()])


ROUTES = (
    Route(
        "GET",
        f"{invoices.ONE}/pdf",
        pdf,
        roles.AND_OWNER,
        "An invoice as PDF, the provider's or ours",
        files=(PDF,),
    ),
    Route(
        "GET",
        HEAD,
        shown,
        roles.ONLY_READERS,
        "What stands on our own invoices",
        shown=LetterheadShown,
        versioned=True,
    ),
    Route(
        "PUT",
        HEAD,
        change,
        roles.ONLY_ADMINS,
        "Change what stands on our own invoices",
        given=LetterheadGiven,
        shown=LetterheadShown,
        versioned=True,
    ),
)
