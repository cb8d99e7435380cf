"""A customer's invoices: what is owed, how each stands, where to pay, the paper, and its story.

The billing system's own page is opened by our address, which fetches a link that still works. *Sync now* is a
hint: it makes a look happen sooner, and changes nothing by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from daemon.errors import NotFound
from daemon.jobs import wishes
from daemon.jobs.fresh import fresh_link
from daemon.jobs.intake import today_of
from daemon.jobs.papers import paper_of
from daemon.model import FactKind, SyncState
from daemon.money import Money
from daemon.office.search import account_of
from daemon.providers import provider_class
from daemon.reconcile import effective
from daemon.store import changes, finding, integrations, invoices, links, records
from daemon.timeline import ProofKind, timeline
from daemon.web.api.connecting import one_of_few
from daemon.web.pages import Answer, File, Go, Page, View, Visit
from daemon.web.portal.addresses import INVOICES
from daemon.web.portal.roles import CUSTOMERS, person
from daemon.web.portal.words import Told, told

PER_PAGE = 20
SYNCS_PER_MINUTE = 6
OPENED_PER_MINUTE = 20
LONGEST_SEARCH = 80
SHOWS = {"": "All", "open": "To pay", "settled": "Settled"}
KINDS = {
    FactKind.PAYMENT: "Payment",
    FactKind.IN_FLIGHT: "Payment on its way",
    FactKind.REFUND: "Paid back",
    FactKind.CREDIT: "Credit",
    FactKind.DISPUTE: "Disputed",
    FactKind.WRITE_OFF: "Written off",
    FactKind.REVERSAL: "Taken back",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A row of the list. `view`: what the button to the billing system says, where there is one; `trouble`
    is the account's owner's business alone."""

    row: records.Invoice
    link: records.Link
    told: Told
    amount: Money
    view: str | None
    trouble: str | None
    href: str


def listed(visit: Visit) -> Answer:
    who = person(visit)
    text, show = visit.query.get("q")[:LONGEST_SEARCH], visit.query.get("show")
    show = show if show in SHOWS else ""
    after = visit.query.get("after")
    rows = finding.invoices_of(who, text=text, show=show, after=after, limit=PER_PAGE + 1)
    more = rows[PER_PAGE - 1].id if len(rows) > PER_PAGE else ""
    kept = {name: value for name, value in (("q", text), ("show", show)) if value}
    shown = {
        "title": "Invoices",
        "rows": _shown(visit, who, rows[:PER_PAGE]),
        "owed": account_of(who).owed,
        "q": text,
        "show": show,
        "shows": SHOWS,
        "first": f"{INVOICES}?{urlencode(kept)}" if after else "",
        "next": f"{INVOICES}?{urlencode(kept | {'after': more})}" if more else "",
    }
    return View("portal/invoices.html", shown, part="rows")


def one(visit: Visit) -> Answer:
    who, row = _named(visit)
    [shown] = _shown(visit, who, [row])
    owner = _owns(who, _at(shown.link))
    facts = effective([changes.known_fact(fact) for fact in changes.payments_of(row.id)])
    return View(
        "portal/invoice.html",
        {
            "title": f"Invoice {row.number}",
            "shown": shown,
            "row": row,
            "owner": owner,
            "lines": [_line(line, row.currency) for line in invoices.lines_of(row.id)],
            "payments": facts,
            "kinds": KINDS,
            "total": Money(row.total_minor, row.currency),
            "due": Money(row.due_minor, row.currency),
            "story": _story(row, owner=owner),
        },
    )


def sync(visit: Visit) -> Answer:
    """A hint; the work is the jobs'."""
    _who, row = _named(visit)
    visit.pace("sync", SYNCS_PER_MINUTE)
    visit.write("sync", lambda: wishes.sync(row, actor=visit.actor, now=visit.now), wake="push")
    visit.house.wake("pull")
    visit.say("good", f"Invoice {row.number} is looked at again now. Load this page again in a minute.")
    return Go(f"{INVOICES}/{row.id}")


def view(visit: Visit) -> Answer:
    """To the billing system: the pay page, or, for the account's owner, their own dashboard."""
    who, row = _named(visit)
    visit.pace("view", OPENED_PER_MINUTE)
    with one_of_few():
        link = fresh_link(visit.house, row)
    at = _at(link)
    url = (link.view_url or link.pay_url) if _owns(who, at) else link.pay_url
    if url is None or at is None:
        raise NotFound("page of this invoice", row.number)
    return Go(url, away=True)


def pdf(visit: Visit) -> Answer:
    """The provider's, fetched by us; ours where it has none."""
    _who, row = _named(visit)
    visit.pace("pdf", OPENED_PER_MINUTE)
    with one_of_few():
        paper = paper_of(visit.house, row)
    return File(paper.pdf, "application/pdf", f"invoice-{row.number}.pdf")


# --- shared -------------------------------------------------------------------------------------------


def _named(visit: Visit) -> tuple[records.Customer, records.Invoice]:
    """That of the path, if it is this customer's."""
    who, name = person(visit), visit.path["invoiceId"]
    row = invoices.find(visit.tenant.id, name)
    if row is None or row.id != name or row.customer_id != who.id:
        raise NotFound("invoice", name)
    return who, row


def _shown(visit: Visit, who: records.Customer, rows: Sequence[records.Invoice]) -> list[Shown]:
    today = today_of(visit.tenant, visit.now)
    at = links.of_invoices([row.id for row in rows])
    used = {link.integration_id for link in at.values() if link.integration_id}
    there = {one: integrations.get(visit.tenant.id, one) for one in used}
    return [_one(visit, who, row, at[row.id], there, today) for row in rows]


def _one(
    visit: Visit,
    who: records.Customer,
    row: records.Invoice,
    link: records.Link,
    there: Mapping[str, records.Integration],
    today: date,
) -> Shown:
    integration = there.get(link.integration_id or "")
    owner = _owns(who, integration)
    said = told(row, link, visit.reader, today)
    return Shown(
        row=row,
        link=link,
        told=said,
        amount=Money(row.total_minor, row.currency),
        view=_button(integration, link, owner=owner, owed=said.is_owed),
        trouble=_trouble(link) if owner else None,
        href=f"{INVOICES}/{row.id}",
    )


def _button(at: records.Integration | None, link: records.Link, *, owner: bool, owed: bool) -> str | None:
    url = (link.view_url or link.pay_url) if owner else link.pay_url
    if at is None or url is None:
        return None
    name = provider_class(at.provider).label
    return f"Pay with {name}" if owed and not owner else f"View in {name}"


def _trouble(link: records.Link) -> str | None:
    """What stopped it, and how often it was tried."""
    if link.fault_code is None or link.state == SyncState.SYNCED:
        return None
    times = f"tried {link.attempts} time{'s' if link.attempts != 1 else ''}"
    return f"{link.fault_text or link.fault_code} ({link.fault_code}, {times})"


def _owns(who: records.Customer, at: records.Integration | None) -> bool:
    """Whether the account that the invoice goes to is this customer's own."""
    return at is not None and at.customer_id == who.id


def _at(link: records.Link) -> records.Integration | None:
    return integrations.get(link.tenant_id, link.integration_id) if link.integration_id else None


def _line(line: records.Line, currency: str) -> dict[str, object]:
    return {
        "description": line.description,
        "quantity": line.quantity,
        "net": Money(line.net_minor, currency),
        "tax": Money(line.tax_minor, currency) if line.tax_minor else None,
        "tax_rate": line.tax_rate,
    }


def _story(row: records.Invoice, *, owner: bool) -> list[dict[str, object]]:
    """Newest first: for the payer what concerns them, for the account's owner the technical part too; what
    people of the tenant did is told by its outcome alone."""
    entries = [
        entry
        for entry in timeline(row)
        if entry.public or (owner and entry.proof.kind is not ProofKind.AUDIT)
    ]
    return [{"at": entry.at, "sentence": entry.sentence} for entry in reversed(entries)]


PAGES = (
    Page("GET", INVOICES, listed, CUSTOMERS),
    Page("GET", f"{INVOICES}/{{invoiceId}}", one, CUSTOMERS),
    Page("POST", f"{INVOICES}/{{invoiceId}}/sync", sync, CUSTOMERS),
    Page("GET", f"{INVOICES}/{{invoiceId}}/view", view, CUSTOMERS),
    Page("GET", f"{INVOICES}/{{invoiceId}}/pdf", pdf, CUSTOMERS),
)
