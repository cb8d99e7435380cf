"""Into the portal and out again.

The link shows a page, and only the button on it uses the link up: what scans mails for viruses opens links,
and presses nothing.
"""

from __future__ import annotations

from daemon.errors import InvalidInput, NotFound
from daemon.store import customers, portal_links, sessions, tenants
from daemon.store.portal_links import PortalLink
from daemon.store.tokens import Role
from daemon.web.pages import ANYBODY, Answer, Go, Page, View, Visit
from daemon.web.portal.addresses import ENTER, INVOICES, PAGES, ROOT, SESSIONS
from daemon.web.portal.roles import CUSTOMERS
from daemon.web.portal.setup import drafts

GONE = 410


def door(visit: Visit) -> Answer:
    """What the link shows: whose it is, and a button."""
    token = visit.query.get("link")
    found = _open(visit, token)
    if found is None:
        return _gone(visit)
    tenant = tenants.get(found.tenant_id)
    shown = {"title": "Your account", "brand": tenant.name, "link": token, "action": ENTER}
    return View("portal/door.html", shown)


def enter(visit: Visit) -> Answer:
    """The button: the link is used up, and a session begins."""
    found = _open(visit, visit.form.get("link"))
    if found is None:
        return _gone(visit)
    link = found

    def work() -> None:
        session = visit.sign_in(
            tenant_id=link.tenant_id, role=Role.CUSTOMER_OWNER, customer_id=link.customer_id
        )
        if not portal_links.use(link, session.id, visit.now):
            raise InvalidInput("WB-ACCESS-LINK", "the link was used a moment ago")

    try:
        visit.write("enter", work)
    except InvalidInput:
        visit.session, visit.signed_in = None, None
        return _gone(visit)
    return Go(PAGES[link.page])


def home(_visit: Visit) -> Answer:
    """The address without a page."""
    return Go(INVOICES)


def sign_out(visit: Visit) -> Answer:
    brand = visit.tenant.name
    drafts.forget(visit.house, visit.me)
    visit.sign_out()
    return View("portal/bye.html", {"title": "Signed out", "brand": brand})


def listed(visit: Visit) -> Answer:
    """The browsers that are signed in for this customer."""
    rows = sessions.listing(visit.tenant.id, sessions.PORTAL, customer_id=visit.me.customer_id, now=visit.now)
    return View("portal/sessions.html", {"title": "Signed-in browsers", "sessions": rows})


def end(visit: Visit) -> Answer:
    """One of them; raises NotFound where it is not this customer's."""
    row = sessions.get(visit.path["sessionId"])
    if row.face != sessions.PORTAL or row.customer_id != visit.me.customer_id:
        raise NotFound("session", row.id)
    if row.id == visit.me.id:
        return sign_out(visit)
    visit.write("sessions.end", lambda: sessions.end(row, actor=visit.actor, now=visit.now))
    visit.say("good", "That browser is signed out.")
    return Go(SESSIONS)


def stranger(visit: Visit) -> Answer:
    """Who has no session, or had one."""
    return View("portal/stranger.html", {"title": "Please open your link again", "status": 403}, 403)


def _open(visit: Visit, token: str) -> PortalLink | None:
    found = portal_links.find(token)
    if found is None or not found.is_open(visit.now):
        return None
    customers.get(found.tenant_id, found.customer_id)
    return found


def _gone(visit: Visit) -> View:
    shown = {"title": "This link does not work any more", "code": "WB-ACCESS-LINK"}
    return View("portal/gone.html", shown, GONE)


PAGES_HERE = (
    Page("GET", ENTER, door, ANYBODY),
    Page("POST", ENTER, enter, ANYBODY),
    Page("GET", ROOT, home, CUSTOMERS),
    Page("GET", f"{ROOT}/", home, CUSTOMERS),
    Page("POST", f"{ROOT}/sign-out", sign_out, CUSTOMERS),
    Page("GET", SESSIONS, listed, CUSTOMERS),
    Page("POST", f"{SESSIONS}/{{sessionId}}/end", end, CUSTOMERS),
)
