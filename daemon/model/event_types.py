"""Every type of event: what it says, and which of its facts go out to the platform.

What is told is made from this catalogue alone: a fact that it does not name stays here. docs/events.md is
made from it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

FACTS: Mapping[str, str] = {
    "code": "The stable code of what is wrong (docs/errors.md).",
    "from": "What it was before.",
    "to": "What it is now.",
    "reason": "Why.",
    "due": "What is still owed, a decimal string.",
    "paid": "What was paid in all, a decimal string.",
    "currency": "ISO 4217.",
    "evidence": "Number of the reading that this rests on.",
    "alarming": "Why a person should look; absent or null where nobody need.",
    "ref": "The provider's id of the invoice.",
    "reference": "Our WB-… reference at the provider.",
    "payer": "The provider's id of its customer.",
    "score": "How alike they are, from 0 to 100.",
    "plan": "Reference of the plan.",
    "subscription": "Reference of the subscription.",
    "period_start": "First day of the billed period.",
    "period_last": "Last day of the billed period.",
    "ends_at": "When the consent ends.",
    "days": "Within how many days.",
    "grant": "Our id of the consent.",
    "integrations": "Our ids of the integrations concerned.",
    "missing": "The permissions that are missing.",
    "count": "How many invoices.",
    "asked": "How many were read.",
    "reasons": "What the held news would have been.",
    "period": "The night, week or hour.",
    "endpoint": "Our id of the endpoint.",
    "state": "Its new state.",
    "delivery": "Number of the delivery.",
    "until": "Until when.",
    "since": "Since when.",
    "step": "The dunning step.",
    "overdue_days": "Days since the due date.",
    "invoices": "Our ids of the invoices concerned.",
    "held": "Why it is held.",
    "was": "The service status before.",
    "status": "The service status now, or asked for.",
    "became": "The service status now.",
    "difference": "What kind of difference.",
    "id": "Its id.",
    "repaired": "Whether the daemon repaired it.",
    "command": "What to type.",
    "customers": "How many customers there are.",
    "released": "Who released it.",
    "ticket": "Our id of the ticket.",
    "subject": "What the ticket is about, as it was written.",
}
"""The facts that may be told of, by the name they have in the event."""


@dataclass(frozen=True, slots=True)
class EventType:
    """One row: `name` as sent (or its beginning, with `*`), a sentence, the facts beside the common ones."""

    name: str
    sentence: str
    facts: tuple[str, ...] = field(default=())

    def fits(self, type_: str) -> bool:
        if self.name.endswith("*"):
            return type_.startswith(self.name[:-1])
        return self.name == type_


_MOVED = ("from", "to", "paid", "due", "currency", "evidence", "alarming")
_WHY = ("code",)
_TICKET = ("ticket", "subject")
_STATE = ("from", "to", "code")
_SERVICE = (
    "from",
    "to",
    "reason",
    "code",
    "until",
    "since",
    "step",
    "overdue_days",
    "held",
    "due",
    "currency",
    "invoices",
)

_PAYER = ("payer", "score", "reason")

CATALOGUE: tuple[EventType, ...] = (
    EventType("invoice.added", "An invoice was entered."),
    EventType(
        "invoice.generated",
        "An invoice was generated from a recurring plan.",
        ("plan", "subscription", "period_start", "period_last"),
    ),
    EventType("invoice.synced", "The provider has the invoice and sent it.", ("ref", "reference")),
    EventType("invoice.sync_pending", "The invoice could not be sent yet; it is tried again.", _WHY),
    EventType("invoice.sync_sending", "The invoice is being sent.", _WHY),
    EventType("invoice.sync_unconfirmed", "No answer came; whether it landed is looked for.", _WHY),
    EventType("invoice.sync_failed", "The provider refused the invoice; a person must act.", _WHY),
    EventType("invoice.sync_parked", "The invoice waits for its integration, or for a decision.", _WHY),
    EventType("invoice.sync_synced", "The provider has the invoice.", _WHY),
    EventType("invoice.moved", "The invoice, not sent yet, goes to another integration.", ("from", "to")),
    EventType("invoice.void_refused", "The provider refused to void the invoice.", _WHY),
    EventType("invoice.draft", "The invoice is a draft at the provider.", _MOVED),
    EventType("invoice.open", "The invoice is open.", _MOVED),
    EventType("invoice.in_flight", "A payment is on its way and not settled yet.", _MOVED),
    EventType("invoice.partially_paid", "Part of the invoice was paid.", _MOVED),
    EventType("invoice.paid", "The invoice is paid.", _MOVED),
    EventType("invoice.overpaid", "More than the invoice's amount was paid.", _MOVED),
    EventType("invoice.refunded", "What was paid was refunded; nothing is owed.", _MOVED),
    EventType("invoice.disputed", "The payer disputes a payment.", _MOVED),
    EventType("invoice.void", "The invoice was voided.", _MOVED),
    EventType("invoice.uncollectible", "The invoice was written off.", _MOVED),
    EventType("invoice.unknown", "The provider says something that is not understood yet.", _MOVED),
    EventType("invoice.missing", "The provider no longer has the invoice.", _MOVED),
    EventType("invoice.observed", "The provider said something new that changes no status.", _MOVED),
    EventType("invoice.*", "Something else happened to an invoice.", ("code", "from", "to", "reason")),
    EventType(
        "invoice.overdue", "The due date has passed, and the amount is still owed.", ("due", "currency")
    ),
    EventType(
        "invoice.difference",
        "Our books and the provider's differ.",
        ("difference", "id", "ref", "repaired", "command"),
    ),
    EventType("payment.noted", "A payment fact was seen that changes no status.", _MOVED),
    EventType("payment.reversed", "A payment was taken back, and its amount is owed again.", _MOVED),
    EventType("payment.recorded", "A payment entered here is in the provider's books."),
    EventType("payment.not_recorded", "A payment entered here stays here alone.", _WHY),
    EventType("payment.*", "Something else happened to a payment.", _MOVED),
    EventType(
        "service.brake_applied", "Too many cut-offs at once were held.", ("code", "count", "customers")
    ),
    EventType("service.brake_released", "A person let held cut-offs go.", ("code", "count", "customers")),
    EventType("service.warned", "A customer is warned of a cut; the service runs on.", _SERVICE),
    EventType("service.throttled", "A customer's service is to be slowed down.", _SERVICE),
    EventType("service.suspended", "A customer's service is to be cut off.", _SERVICE),
    EventType("service.restored", "A customer's service is to be as good as `to` says again.", _SERVICE),
    EventType("service.*", "A customer's service is to be as `to` says.", _SERVICE),
    EventType(
        "dunning.restarted", "The invoice is overdue again, and dunning begins anew.", ("due", "currency")
    ),
    EventType("dunning.step", "A step of dunning was taken.", ("days", "status", "due")),
    EventType("dunning.*", "Something else happened in dunning.", ("days", "status", "due", "reason")),
    EventType("cutoff.held", "A cut-off that is not safe to make is held.", ("status", "reason")),
    EventType("cutoff.*", "Something else happened to cut-offs.", ("status", "reason", "code", "count")),
    EventType("customer.matched", "It is decided who the customer is at the provider.", _PAYER),
    EventType("customer.not_matched", "It is decided that the provider has no such customer yet.", _PAYER),
    EventType("customer.payer_moved", "The provider merged its customer into another.", ("from", "to")),
    EventType("customer.payer_lost", "The provider no longer has its customer; a person decides.", _PAYER),
    EventType("customer.*", "Something happened to a customer.", _SERVICE),
    EventType("integration.testing", "An integration waits for its connection test.", _STATE),
    EventType("integration.active", "An integration runs.", _STATE),
    EventType("integration.paused", "An integration was paused.", _STATE),
    EventType("integration.needs_reconnect", "An integration must be connected again.", _STATE),
    EventType("integration.error", "An integration stopped with a fault.", _STATE),
    EventType("integration.draining", "An integration is on its way out.", _STATE),
    EventType("integration.removed", "An integration is removed.", _STATE),
    EventType("integration.switched", "Another integration takes over.", ("from", "to", "count")),
    EventType("integration.switch_undone", "The switch is taken back.", ("from", "to", "count")),
    EventType("integration.permission_missing", "An account lacks permissions.", ("code", "missing")),
    EventType("integration.cursor_lost", "A change feed is read again from its beginning.", _WHY),
    EventType("integration.*", "Something else happened to an integration.", _STATE),
    EventType("credential.quarantined", "A sealed credential does not open; give it again."),
    EventType("grant.expires", "A consent ends soon.", ("code", "grant", "days", "ends_at", "integrations")),
    EventType(
        "brake.applied", "A read with too much bad news was held.", ("code", "count", "asked", "reasons")
    ),
    EventType("brake.*", "A brake was applied or released.", ("code", "count", "asked", "reasons")),
    EventType("subscription.held", "A subscription is not billed.", ("code", "subscription")),
    EventType("subscription.*", "Something happened to a subscription.", ("code", "subscription")),
    EventType("ticket.opened", "A ticket was opened.", _TICKET),
    EventType("ticket.replied", "The customer wrote in a ticket; it waits for the staff.", _TICKET),
    EventType("ticket.answered", "The staff answered a ticket.", _TICKET),
    EventType("ticket.closed", "A ticket was closed.", _TICKET),
    EventType("enforce.failed", "Overdue invoices could not be looked through.", _WHY),
    EventType("bill.failed", "Invoices could not be generated.", _WHY),
    EventType("sweep.*", "A comparison with the provider found something.", ("code", "count", "reason")),
    EventType("tidy.*", "A nightly chore failed: the backup, a check, retention.", ("code", "period")),
    EventType("endpoint.active", "An endpoint is told of events again.", ("endpoint", "state")),
    EventType("endpoint.paused", "An endpoint is told nothing until it is resumed.", ("endpoint", "state")),
    EventType("endpoint.disabled", "An endpoint answered 410 and is told nothing.", ("endpoint", "state")),
    EventType("endpoint.test", "Somebody tries whether the endpoint answers."),
    EventType("*", "Something else; its sentence says what.", _WHY),
)
"""The first that fits counts."""


def type_of(type_: str) -> EventType:
    """Its row of the catalogue."""
    return next(row for row in CATALOGUE if row.fits(type_))


SERVICE, NO_CHANGE = "service.", "service.brake"
"""How the types of a change of a customer's service begin, and those beside them that are none."""


def is_service_change(type_: str) -> bool:
    """Whether the platform has to switch something: it is told until it confirmed."""
    return type_.startswith(SERVICE) and not type_.startswith(NO_CHANGE)
