"""Writes the pages that are made from code: `python docs/make.py`. A test holds them against it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from daemon.errors import CATALOGUE
from daemon.model import Document
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


PAGES = {"errors.md": errors_page, "providers.md": providers_page}


def main() -> None:
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
