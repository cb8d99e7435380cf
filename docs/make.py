"""Writes the pages that are made from code: `python docs/make.py`. A test holds them against it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from daemon.cli.output import camel
from daemon.errors import CATALOGUE
from daemon.model import Document, event_types
from daemon.providers import names, provider_class
from daemon.providers.described import described

HERE = Path(__file__).parent

ERRORS_HEAD = """# Errors

Every failure reaches people as a code, one plain sentence, who must act, and when it is tried again.
`wispbill explain WB-…` prints a row of this table.

| code | what happened | who acts | tried again |
| --- | --- | --- | --- |
"""

PROVIDERS_HEAD = """# Providers

What each provider can do; `wispbill providers --json` says the same to programs, with every limit, and with
the credentials and settings that each asks for. Each has its page.

| | {names} |
| --- |{rule}
"""

PROVIDERS_FOOT = """
*as set*: an integration's settings decide, since the other side is a system of your own:

{by_settings}

A *change feed* tells in a call or two what changed; without one every open invoice is read at each poll.
*Invoices in one call* is why a month of 20,000 takes 800 calls at Xero. The *calls* are those that the
provider publishes, or, where it publishes none, our own; wispbill keeps to 80 % of them (`rate_share`), and
leaves a part of some to pushes.
"""

FEATURES = {
    "change feed": "change_feed",
    "partial payments": "partial_payments",
    "refunds": "refunds",
    "credits": "credits",
    "disputes": "disputes",
    "void": "void",
    "record a payment made elsewhere": "record_payment",
    "PDF": "pdf",
    "pay page": "pay_page",
    "lists its customers": "lists_payers",
    "needs an e-mail address": "needs_email",
}
TITLES = {name: title for title, name in FEATURES.items()} | {
    "webhooks": "webhooks",
    "registers_webhook": "registered by wispbill",
}
SIGNS_IN = {"credentials": "a key", "minted": "client id and secret", "consent": "consent (OAuth)"}
WEBHOOKS = {
    "api": "yes, registered by wispbill",
    "app": "yes, one address for all, entered there",
    "person": "yes, entered there",
    "none": "no",
}
SPANS = {1: "second", 60: "minute", 3600: "hour", 86_400: "day", 30 * 86_400: "month"}


EVENTS_HEAD = """# Events

What happened, as a feed that is read (`wispbill events --after SEQ`) and as signed requests to endpoints
(`wispbill endpoints add`). How endpoints are kept is in
[operating.md](operating.md#events-to-the-platform).

## The request

`POST`, JSON, signed as [Standard Webhooks](https://www.standardwebhooks.com) say; any of their libraries
verifies it.

```
webhook-id: wbv_01kjpwd6m0b5rp9h560p5008nj
webhook-timestamp: 1772442000
webhook-signature: v1,… v1,…
```

```json
{
  "id": "wbv_01kjpwd6m0b5rp9h560p5008nj",
  "type": "invoice.paid",
  "timestamp": "2026-03-02T09:00:00.000000Z",
  "sequence": 4711,
  "data": {
    "tenantId": "wbt_…", "tenantReference": "wisp",
    "customerId": "wbc_…", "customerReference": "C-1",
    "invoiceId": "wbi_…", "invoiceNumber": "1001", "invoiceReference": "1001",
    "total": "45.00", "currency": "EUR", "issuedOn": "2026-03-01", "dueOn": "2026-03-15",
    "integrationId": "wbn_…", "provider": "stripe",
    "from": "open", "to": "paid", "paid": "45.00", "due": "0.00",
    "sentence": "…"
  }
}
```

- Answer 2xx within 20 seconds, once the event is stored. Anything else, a redirect too, is tried again:
  after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h, a tenth earlier or later; `Retry-After` is
  honoured up to a day. `410` means: tell me nothing more.
- **At least once.** The same event has the same `webhook-id` and the same body at every try, and when it is
  sent again by hand. Keep the ids that you have seen.
- **In order, mostly.** Events come in the order of `sequence`. One that is not taken holds the later ones
  back for five minutes, then steps aside; a change of service waits for none. Where order matters go by
  `sequence`.
- While an endpoint is down no event is given up: what waited comes, in order, when it is back.
- During a rotation of the secret there are two signatures; either fits.
- Parties stand in `data` where an event has them. Amounts are decimal strings, times are UTC, dates are the
  tenant's. New facts may be added; none is renamed or taken away. Secrets and card data are never in it;
  subscribers are named by reference (but a sentence may quote what a provider said).

**Changes of service** (`service.*` but for `service.brake_…`) are commands: switch the service to what `to`
says, then answer 2xx. They are told until that, daily in the end, and an alert says so after 15 minutes. A
newer word about a customer takes the place of an older one that was not taken yet; do not act on one whose
`sequence` is lower than the last that you acted on for this customer.

## The feed

`wispbill events --after SEQ --json` gives what follows; `next` is what to ask for next. A place is given
once, after the event was committed, so that nothing appears behind a place that was read. After a restore
of the database the feed leaps ahead by a million: go on from where you are. `--follow` goes on, a line for
each event.

## Types

An endpoint may ask for single types (`--type invoice.paid`) or for all that begin alike (`--type
invoice.*`). Every event may have `sentence`; beside the parties these facts stand in `data`:

| type | what happened | facts |
| --- | --- | --- |
"""

FACTS_HEAD = """
## Facts

| fact | what it is |
| --- | --- |
"""


def errors_page() -> str:
    rows = (
        f"| `{code}` | {e.sentence} | {e.actor} | {e.next_try} |" for code, e in sorted(CATALOGUE.items())
    )
    return ERRORS_HEAD + "\n".join(rows) + "\n"


def providers_page() -> str:
    kinds = [provider_class(name) for name in names() if provider_class(name).docs]
    told = [described(kind) for kind in kinds]
    titles = " | ".join(f"[{one['label']}]({one['docs'].removeprefix('docs/')})" for one in told)
    rows: dict[str, list[str]] = {
        "signs in by": [SIGNS_IN[one["signs_in"]] for one in told],
        "webhooks": [_as_set(one, "webhooks") or WEBHOOKS[one["webhook_registration"]] for one in told],
        **{title: [_yes(one, name) for one in told] for title, name in FEATURES.items()},
        "invoices in one call": [f"{one['push_batch']}" for one in told],
        "calls to an account": [_limits(one["limits"]) for one in told],
        "calls of our app": [_limits(one["app_limits"], every=True) or "none" for one in told],
        "polled at most every": [f"{one['min_poll_s'] / 60:g} min" for one in told],
        "characters of an invoice number": [f"{one['max_number_length']}" for one in told],
        "lines of an invoice": [f"{one['max_lines']:,}" for one in told],
    }
    head = PROVIDERS_HEAD.format(names=titles, rule=" --- |" * len(told))
    table = "".join(f"| {title} | {' | '.join(cells)} |\n" for title, cells in rows.items())
    lines = [line for one in told for line in _by_settings(one)]
    return head + table + PROVIDERS_FOOT.format(by_settings="\n".join(lines))


def _by_settings(told: Document) -> Iterator[str]:
    settings: dict[str, list[str]] = {}
    for given in told["by_settings"]:
        settings.setdefault(given["setting"], []).append(TITLES[given["name"]])
    for setting, titles in settings.items():
        yield f"- {told['label']}, `{setting}`: {', '.join(titles)}"


def _as_set(told: Document, name: str) -> str:
    return "as set" if any(one["name"] == name for one in told["by_settings"]) else ""


def _yes(told: Document, name: str) -> str:
    return _as_set(told, name) or ("yes" if told[name] else "no")


def _limits(limits: list[Document], *, every: bool = False) -> str:
    """Those that bind all calls; of an app, `every` one."""
    shown = [one for one in limits if every or not one["scope"]]
    return ", ".join(
        f"{one['calls']:,}{' ' + one['scope'] + 's' if one['scope'] else ''} a {SPANS[one['per_s']]}"
        for one in shown
    )


def events_page() -> str:
    rows = [
        f"| `{row.name}` | {row.sentence} | {', '.join(f'`{camel(name)}`' for name in row.facts)} |"
        for row in event_types.CATALOGUE
    ]
    used = {name for row in event_types.CATALOGUE for name in row.facts}
    facts = [f"| `{camel(name)}` | {event_types.FACTS[name]} |" for name in sorted(used)]
    return EVENTS_HEAD + "\n".join(rows) + "\n" + FACTS_HEAD + "\n".join(facts) + "\n"


PAGES = {"errors.md": errors_page, "events.md": events_page, "providers.md": providers_page}


def main() -> None:
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
