"""Pages for people: what portal and dashboard share.

A face is a `Face` (its name, its root, its pages, its settings) and is served by `pages_app(house, face)`. A
page is one method of one path with a rule about who may see it; there is no page without one:

    PAGES = (
        Page("GET", "/customer-portal/billing/invoices", listed, ONLY_CUSTOMERS),
        Page("POST", "/customer-portal/billing/invoices/{invoiceId}/sync", sync, ONLY_CUSTOMERS),
    )

A handler takes a `Visit` (house, session, tenant, path, query, form, reader, request id) and returns a
`View` (a template of daemon/web/views with what it shows), a `Go` (303 to a path of our own) or a `File`.
What it raises becomes a page in plain words with the code of the catalogue: NotFound is a 404, InvalidInput
without a better status a 400, everything unforeseen a 500 with the request id.

- **Before a handler runs** the size of the form, the cookie, the session, its rule, and for a POST the
  origin and the form's token are checked. Every posted form holds `{{ parts.token() }}`.
- **Templates** extend `layout.html`; autoescape is always on and an unknown name is an error. Filters:
  `money` (a Money), `day` (a date), `moment` (an aware datetime), `number`; all in the reader's locale and
  the tenant's zone. `{{ asset('wispbill.css') }}` is a static file's address with its content hash.
  `{% import "parts.html" as parts with context %}` has the form's token, chips, empty states, pagers, fields.
  Every template is shown visit, me (the session), tenant, reader, nav, here, request_id; it must be given
  `title`; a face's `more` may set `brand`, `footer` and `footer_links`.
- **htmx**: `View("portal/invoices.html", {...}, part="rows")` answers a request of htmx with the block `rows`
  alone, and everybody else with the whole page.
- **What is said once** (`visit.say("good", "…")` before a `Go`) waits in the session for the next page.
- **Pace**: each session has its `per_minute`; `visit.pace("sync", 6)` bounds what costs more.
- **Signing in**: `visit.sign_in(...)` ends the old session, begins a new one and sets its cookie on the
  answer; `visit.sign_out()` ends it. The layout posts to `<root>/sign-out`, which every face has.
- Headers: no inline script or style, nothing from elsewhere, never kept, never framed (`headers.py`).
"""

from daemon.web.pages.answers import Answer, File, Go, View
from daemon.web.pages.routing import ANYBODY, Face, NavItem, Page, Rule, Visit
from daemon.web.pages.serving import pages_app

__all__ = [
    "ANYBODY",
    "Answer",
    "Face",
    "File",
    "Go",
    "NavItem",
    "Page",
    "Rule",
    "View",
    "Visit",
    "pages_app",
]
