"""Writes the pages that are made from code: `python docs/make.py`. A test holds them against it."""

from __future__ import annotations

from pathlib import Path

from daemon.errors import CATALOGUE
from daemon.providers import names, provider_class

HERE = Path(__file__).parent

ERRORS_HEAD = """# Errors

Every failure reaches people as a code, one plain sentence, who must act, and when it is tried again.
`wispbill explain WB-…` prints a row of this table.

| code | what happened | who acts | tried again |
| --- | --- | --- | --- |
"""

PROVIDERS_HEAD = """# Providers

What each provider can do, from `wispbill providers --json`. Each has its page.

| | {names} |
| --- |{rule}
"""

ROWS = {
    "change feed": "change_feed",
    "webhooks": "webhooks",
    "registers its webhook": "registers_webhook",
    "partial payments": "partial_payments",
    "refunds": "refunds",
    "credits": "credits",
    "disputes": "disputes",
    "void": "void",
    "record a payment made elsewhere": "record_payment",
    "PDF": "pdf",
    "pay page": "pay_page",
    "signs in by OAuth": "oauth",
    "needs an e-mail address": "needs_email",
}


def errors_page() -> str:
    rows = (
        f"| `{code}` | {e.sentence} | {e.actor} | {e.next_try} |" for code, e in sorted(CATALOGUE.items())
    )
    return ERRORS_HEAD + "\n".join(rows) + "\n"


def providers_page() -> str:
    kinds = [provider_class(name) for name in names() if provider_class(name).docs]
    titles = " | ".join(f"[{kind.label}]({kind.docs.removeprefix('docs/')})" for kind in kinds)
    head = PROVIDERS_HEAD.format(names=titles, rule=" --- |" * len(kinds))
    lines = [
        f"| {title} | " + " | ".join("yes" if getattr(k.can, field) else "no" for k in kinds) + " |"
        for title, field in ROWS.items()
    ]
    seconds = " | ".join(f"{kind.can.min_poll_s:g} s" for kind in kinds)
    return head + "\n".join([*lines, f"| polled at most every | {seconds} |"]) + "\n"


PAGES = {"errors.md": errors_page, "providers.md": providers_page}


def main() -> None:
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
