"""Every code that people meet: one plain sentence, who must act, when it is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Actor = Literal["nobody", "operator", "account owner", "caller", "provider"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the catalogue."""

    sentence: str
    actor: Actor
    next_try: str


CATALOGUE: dict[str, Entry] = {
    "WB-INTERNAL": Entry(
        "Something failed that should not; the log line names the request id.", "operator", "never by itself"
    ),
    "WB-NOT-FOUND": Entry("What was named does not exist here.", "caller", "when asked again"),
    "WB-INPUT": Entry("A field is missing, unknown, or not in the right form.", "caller", "when asked again"),
    "WB-INPUT-TOO-LARGE": Entry("The input is larger than the limit.", "caller", "when asked again"),
    "WB-INPUT-TOO-SLOW": Entry("The request did not arrive in time.", "caller", "when asked again"),
    "WB-INPUT-TOO-FAST": Entry(
        "More requests came than the limit allows; the answer says after how many seconds to come again.",
        "caller",
        "when asked again; the scheduled pull misses nothing",
    ),
    "WB-INPUT-JSON": Entry(
        "The body is not one JSON object without doubt: UTF-8, no field twice, no NaN, at most 32 deep.",
        "caller",
        "when asked again",
    ),
    "WB-INPUT-METHOD": Entry("The address does not take this method.", "caller", "when asked again"),
    "WB-INPUT-REPEATED": Entry(
        "The Idempotency-Key was used for something else within the last 24 hours.",
        "caller",
        "with another key",
    ),
    "WB-INPUT-CHANGED": Entry(
        "It was changed since the version that If-Match names; nothing was changed now.",
        "caller",
        "when it is read and changed again",
    ),
    "WB-ACCESS-TOKEN": Entry(
        "The API token is missing, unknown, expired or revoked.",
        "caller",
        "with a token of `wispbill tokens add`",
    ),
    "WB-ACCESS-ROLE": Entry("The token's role does not allow this.", "caller", "with another token"),
    "WB-ACCESS-CONNECT": Entry(
        "The tenant has not granted this customer to connect an account of their own.",
        "operator",
        "after `wispbill customers set --may-connect`",
    ),
    "WB-ACCESS-TENANT": Entry(
        "A platform admin's token belongs to no tenant, and the request names none.",
        "caller",
        "with the header Wispbill-Tenant",
    ),
    "WB-ACCESS-SESSION": Entry(
        "You are not signed in, or the session has ended.", "caller", "after signing in again"
    ),
    "WB-ACCESS-LINK": Entry(
        "The link into the portal is unknown, was used already, or is too old.",
        "caller",
        "with a new link: `wispbill portal link`",
    ),
    "WB-ACCESS-OIDC": Entry(
        "The issuer's sign-in did not lead to somebody of the staff; nobody was signed in.",
        "caller",
        "after signing in again; or `wispbill staff add`",
    ),
    "WB-ACCESS-FORM": Entry(
        "The form did not come from a page of this session; nothing was done.",
        "caller",
        "when the page is loaded anew",
    ),
    "WB-INTEGRATION-TAKEN": Entry(
        "There is an integration already; replace its credentials, or remove it first.",
        "caller",
        "when asked again",
    ),
    "WB-INTEGRATION-STATE": Entry(
        "The integration is in a state that does not allow this.", "caller", "when asked again"
    ),
    "WB-SWITCH": Entry(
        "The one integration cannot take the place of the other as things stand.",
        "caller",
        "when asked again",
    ),
    "WB-PAYMENT": Entry(
        "The invoice cannot take this payment, or give it back, as things stand.",
        "caller",
        "when asked again",
    ),
    "WB-MONEY-CURRENCY": Entry("The currency is not one of ISO 4217.", "caller", "when asked again"),
    "WB-MONEY-AMOUNT": Entry("The amount is not a positive decimal number.", "caller", "when asked again"),
    "WB-MONEY-DECIMALS": Entry(
        "The amount has more decimals than its currency allows.", "caller", "when asked again"
    ),
    "WB-INVOICE-DUE": Entry("The due date lies in the past.", "caller", "when asked again"),
    "WB-INVOICE-TAKEN": Entry(
        "The tenant already has an invoice of this number or reference with other content.",
        "caller",
        "when asked again",
    ),
    "WB-INVOICE-STATE": Entry(
        "The invoice is in a state that does not allow this.", "caller", "when asked again"
    ),
    "WB-CUSTOMER-TAKEN": Entry(
        "The tenant already has a customer of this reference with other content.",
        "caller",
        "when asked again",
    ),
    "WB-PLAN-TAKEN": Entry(
        "The tenant already has a plan of this reference with other content.", "caller", "when asked again"
    ),
    "WB-PLAN-ENDED": Entry("The plan has ended; nobody can subscribe to it.", "caller", "with another plan"),
    "WB-SUBSCRIPTION-TAKEN": Entry(
        "The tenant already has a subscription of this reference with other content.",
        "caller",
        "when asked again",
    ),
    "WB-CLOSE-STATE": Entry(
        "The month is not over, is closed already, or is not closed.",
        "caller",
        "when asked again",
    ),
    "WB-TICKET-MANY": Entry(
        "There are as many open tickets of this customer, or messages in this one, as there may be.",
        "caller",
        "when one is closed, or in another ticket",
    ),
    "WB-BILL-CLOSED": Entry(
        "The customer has left, and the subscription goes on; it is not billed.",
        "operator",
        "after `wispbill plans unsubscribe`, or `wispbill customers release`",
    ),
    "WB-BILL-HELD": Entry(
        "A period that ended long ago was never billed; the subscription waits for a person.",
        "operator",
        "after `wispbill bill --long-past`, or `wispbill plans skip`",
    ),
    "WB-BILL-NUMBER": Entry(
        "The next number is longer than the customer's provider takes.",
        "operator",
        "hourly; after `wispbill plans numbering --format`",
    ),
    "WB-BILL-CHANGED": Entry(
        "What would be billed now is not what the plan file says; nothing was billed.",
        "caller",
        "with a new plan file",
    ),
    "WB-CUSTOMER-EMAIL": Entry(
        "The customer has no e-mail address, and the provider cannot send an invoice without one.",
        "caller",
        "when the customer has one and the invoice is synced again",
    ),
    "WB-PAYER-UNDECIDED": Entry(
        "The provider may have this customer already; nothing is sent until a person says who it is there.",
        "operator",
        "after `wispbill customers match`; what waits then goes on by itself",
    ),
    "WB-PAYER-GONE": Entry(
        "Whom the provider billed for this customer was deleted or archived there.",
        "operator",
        "after `wispbill customers match`; what waits then goes on by itself",
    ),
    "WB-MATCH-CHANGED": Entry(
        "Who is proposed for the customer is not what it was when it was listed; nothing was decided.",
        "caller",
        "with a new list: `wispbill customers match`",
    ),
    "WB-CUSTOMER-NO-INTEGRATION": Entry(
        "Neither the customer nor the tenant has a billing integration that runs.",
        "operator",
        "as soon as one is active",
    ),
    "WB-CREDENTIALS-FORMAT": Entry(
        "The credentials are not of the form that this provider gives out.",
        "account owner",
        "when given again",
    ),
    "WB-CREDENTIALS-MODE": Entry(
        "The credentials belong to the other mode (live or sandbox).", "account owner", "when given again"
    ),
    "WB-GRANT-DEAD": Entry(
        "The consent to our app was withdrawn or has run out; its queue is parked.",
        "account owner",
        "after `wispbill integrations authorize`; the queue then drains by itself",
    ),
    "WB-GRANT-EXPIRES": Entry(
        "The consent to our app runs out soon, and nothing but a new one moves that day.",
        "account owner",
        "after `wispbill integrations authorize`",
    ),
    "WB-APP-REFUSED": Entry(
        "The provider does not accept the client secret of our app.",
        "operator",
        "after `wispbill apps secret`; the queues then drain by themselves",
    ),
    "WB-CONSENT-STATE": Entry(
        "The link to connect an account is unknown, was used already, or is older than ten minutes.",
        "caller",
        "with a new link: `wispbill integrations authorize`",
    ),
    "WB-CONSENT-DENIED": Entry(
        "The provider says that consent was not given.",
        "account owner",
        "with a new link: `wispbill integrations authorize`",
    ),
    "WB-CONSENT-CHOICE": Entry(
        "The consent covers several accounts; one of them is to be chosen.",
        "caller",
        "when one is named",
    ),
    "WB-ACCOUNT-TAKEN": Entry(
        "This provider account is already connected; one account serves once.",
        "operator",
        "when the other integration is removed",
    ),
    "WB-ACCOUNT-DIFFERS": Entry(
        "The new credentials belong to another account than the old ones.",
        "account owner",
        "when given again",
    ),
    "WB-PERMISSION-MISSING": Entry(
        "The credentials lack a permission that is needed.", "account owner", "at the next connection test"
    ),
    "WB-REMOTE-UNREACHABLE": Entry(
        "The provider could not be reached; nothing was sent.", "nobody", "by itself, with growing pauses"
    ),
    "WB-ADDRESS": Entry(
        "The customer's address is not https, not public, or not on port 443 or 8443; nothing was sent. The "
        "operator can allow an exact host and port.",
        "account owner",
        "by itself, with growing pauses",
    ),
    "WB-REMOTE-UNKNOWN": Entry(
        "The provider did not answer in time; the request may have landed.",
        "nobody",
        "by itself: the same key, or a look at the provider first",
    ),
    "WB-REMOTE-THROTTLED": Entry(
        "The provider asked us to slow down.", "nobody", "by itself, when the provider allows it"
    ),
    "WB-BUDGET-RATIONED": Entry(
        "What is left of the provider's quota is kept for pushes and for what a webhook points at.",
        "nobody",
        "by itself, when there is more of it",
    ),
    "WB-REMOTE-REJECTED": Entry(
        "The provider understood the request and refused it.",
        "account owner",
        "after `wispbill invoices sync`",
    ),
    "WB-REMOTE-MISSING": Entry(
        "The provider does not know this object: it was deleted there.", "operator", "never by itself"
    ),
    "WB-REMOTE-UNAUTHORISED": Entry(
        "The provider no longer accepts the credentials; the integration waits.",
        "account owner",
        "after `wispbill integrations rotate`; the queue then drains by itself",
    ),
    "WB-REMOTE-GARBLED": Entry(
        "The provider's answer was not what it documents; nothing was changed.",
        "nobody",
        "by itself, with growing pauses",
    ),
    "WB-PUSH-UNCONFIRMED": Entry(
        "The invoice may have landed; it is looked for before anything is sent again.",
        "nobody",
        "by itself, once the provider would show it",
    ),
    "WB-PUSH-TOTAL": Entry(
        "The provider's total differs from ours, so the invoice was withdrawn before it went live.",
        "account owner",
        "after `wispbill invoices sync`, once taxes or discounts at the provider are put right",
    ),
    "WB-PUSH-NUMBER-TAKEN": Entry(
        "The number is used by somebody else's invoice at the provider.", "operator", "never by itself"
    ),
    "WB-PUSH-MISMATCH": Entry(
        "An object with our reference exists at the provider, but it is not this one.",
        "operator",
        "never by itself",
    ),
    "WB-PUSH-EXHAUSTED": Entry(
        "The push was tried for 7 days or 30 times without an answer.",
        "operator",
        "after `wispbill invoices sync`",
    ),
    "WB-PUSH-CURRENCY": Entry(
        "The provider cannot bill this currency, or this amount in it.", "caller", "never by itself"
    ),
    "WB-PUSH-VOIDED": Entry("The invoice was voided before it was sent.", "nobody", "never"),
    "WB-HINT-SIGNATURE": Entry(
        "A webhook's signature does not fit the secrets now valid, or its time is over 5 minutes off.",
        "account owner",
        "when the provider delivers again; the scheduled pull misses nothing",
    ),
    "WB-HINT-NOT-READY": Entry(
        "What is needed to verify the webhook has not been fetched yet.",
        "nobody",
        "when the provider delivers again",
    ),
    "WB-BRAKE": Entry(
        "More bad news at once than a provider normally has; nothing of it was applied.",
        "operator",
        "after `wispbill pull --release-brake`",
    ),
    "WB-LEASE-LOST": Entry("Another daemon took over the work.", "nobody", "by that daemon"),
    "WB-STOPPING": Entry("The daemon is stopping.", "nobody", "at the next start"),
    "WB-UNSUPPORTED": Entry("The provider cannot do that.", "caller", "never"),
    "WB-CURSOR-LOST": Entry(
        "The provider's list of changes no longer reaches back to where we stopped.",
        "nobody",
        "at once: every open invoice is read again",
    ),
    "WB-CONFIG": Entry("The configuration cannot be used.", "operator", "when it is put right"),
    "WB-ALERTS": Entry(
        "The file with the addresses of alerts cannot be used.",
        "operator",
        "after `systemctl reload wispbill`",
    ),
    "WB-VAULT-KEY": Entry(
        "The master key is missing, or not the one that this database was sealed with.",
        "operator",
        "at the next start",
    ),
    "WB-VAULT-KEY-ABSENT": Entry(
        "A secret is sealed under a master key that is not at hand; its integration stopped.",
        "operator",
        "after the key is back in the key file, `systemctl reload wispbill` and `wispbill integrations test`",
    ),
    "WB-VAULT-SEALED": Entry(
        "A sealed credential does not open; it is quarantined and its integration stopped.",
        "account owner",
        "after `wispbill integrations rotate`",
    ),
    "WB-SECRET-FILE": Entry(
        "The file with the secret can be read by others.", "operator", "after `chmod 600`"
    ),
    "WB-DB-UNREACHABLE": Entry(
        "The database server does not answer.", "operator", "every 30 s while the daemon runs"
    ),
    "WB-DB-LOCKED": Entry(
        "Another process holds the database.", "operator", "by itself, or at the next start"
    ),
    "WB-DB-READONLY": Entry(
        "The database cannot be written.", "operator", "every 30 s while the daemon runs"
    ),
    "WB-DB-FULL": Entry("The disk is full.", "operator", "every 30 s while the daemon runs"),
    "WB-DB-NEWER": Entry(
        "The database was written by a newer wispbill.", "operator", "with that version, or after a restore"
    ),
    "WB-DB-OLDER": Entry(
        "The database was written by an older wispbill.",
        "operator",
        "after the daemon started once, or `wispbill db upgrade`",
    ),
    "WB-DB-MIGRATION": Entry(
        "The database could not be brought to this version's schema; it was left as it was.",
        "operator",
        "at the next start",
    ),
    "WB-DB-CORRUPT": Entry("The database is damaged.", "operator", "after `wispbill restore`"),
    "WB-DB-INCONSISTENT": Entry(
        "Rows of the database contradict one another.", "operator", "every night, and by `wispbill check`"
    ),
    "WB-DAEMON-RUNNING": Entry(
        "Another daemon already runs on this database.", "operator", "when that one has stopped"
    ),
    "WB-CLOCK": Entry(
        "The clock jumped ahead by more than a day; nothing is pushed.", "operator", "when the clock is right"
    ),
    "WB-AUDIT-BROKEN": Entry(
        "The audit chain does not verify from this row on.", "operator", "never by itself"
    ),
    "WB-BACKUP": Entry("The backup could not be made or verified.", "operator", "at the next night's run"),
}
