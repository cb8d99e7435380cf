"""One invoice read now, because a person waits for it: the pull's own reading, under the same lease.

Pay pages of some providers are addresses that expire: Square's after a time that it does not tell, Stripe's
30 days after the due date (https://docs.stripe.com/invoicing/hosted-invoice-page). A read fetches a new one.
"""

from __future__ import annotations

from datetime import timedelta

from daemon.house import House
from daemon.jobs.pull import Reading, pages, take_in
from daemon.jobs.visit import Visit, visit
from daemon.model import Asked
from daemon.store import links, records

GOOD_FOR = timedelta(hours=1)
"""A link that was read so lately is handed out as it is."""


def fresh_link(house: House, invoice: records.Invoice) -> records.Link:
    """The invoice's link, read anew where that is long ago; as it was where the provider cannot be asked
    now, or the daemon is at this integration this very moment. Bad news is left to the scheduled pull, which
    reads it twice."""
    link = links.of_invoice(invoice.id)
    ref = link.external_id
    if link.integration_id is None or ref is None or _is_fresh(link, house):
        return link

    def work(at: Visit) -> None:
        reading = Reading({ref: link}, {}, at.now)
        with at.gate.urgent():
            for page in pages(at, at.provider.pull([Asked(ref, link.pushed_at)])):
                take_in(at, reading, page)
        at.tally.add("read", 1)

    visit(house, link.integration_id, "pull", work)
    return links.of_invoice(invoice.id)


def _is_fresh(link: records.Link, house: House) -> bool:
    return link.last_pulled_at is not None and house.clock.now() - link.last_pulled_at < GOOD_FOR
