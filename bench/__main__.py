"""`python -m bench [--quick] [ROW …]`: rows are start, webhooks, push, pull, bill, month, providers, pages,
api."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.table import Table

from bench import api, bill, month, pages, providers, pull, push, start, webhooks
from daemon import log

ROWS = {
    "start": start.rows,
    "webhooks": webhooks.rows,
    "push": push.rows,
    "pull": pull.rows,
    "bill": bill.rows,
    "month": month.rows,
    "providers": providers.rows,
    "pages": pages.rows,
    "api": api.rows,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--quick", action="store_true", help="small counts: does it run, not how fast")
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], help="which rows (default: all)")
    given = parser.parse_args()
    log.configure("error", "json")
    table = Table(title="wispbill beside its bare limits, in the same run")
    for column in ("what", "ours", "bare limit", "ratio", "aim", ""):
        table.add_column(column, overflow="fold")
    console = Console(width=max(Console().width, 150))
    for name in given.rows or ROWS:
        for figure in ROWS[name](given.quick):
            console.print(f"  {figure.what}: {figure.ours} | {figure.bare} | {figure.ratio}")
            verdict = {True: "met", False: "missed", None: ""}[figure.met]
            table.add_row(figure.what, figure.ours, figure.bare, figure.ratio, figure.aim, verdict)
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
