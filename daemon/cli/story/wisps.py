"""The WISPs of the demo, each at another provider, and what becomes of their invoices."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from daemon.cli.story.books import Row, differences
from daemon.cli.story.stage import Stage
from daemon.providers import provider_class
from daemon.sandbox.double import Hands, Standing
from daemon.sandbox.stands import Stand

PRICE = "50.00"
HEAD = ("number", "customer", "customer_name", "customer_email", "due_on", "description", "amount")


@dataclass(frozen=True, slots=True)
class Turn:
    """What the world does to one invoice by these hands (Stripe's own account where it is Stripe), and what
    must be known of it afterwards."""

    told: str
    act: Callable[[Any, str], object]
    status: str


@dataclass(slots=True, eq=False)
class Wisp:
    """`expected` is what must be known of each invoice, by its number."""

    provider: str
    prefix: str
    count: int
    stand: Stand
    expected: dict[str, str] = field(default_factory=dict)

    @property
    def tenant(self) -> str:
        return f"{self.provider.partition('_')[0]}-wisp"

    @property
    def label(self) -> str:
        return provider_class(self.provider).label

    @property
    def hands(self) -> Hands:
        return self.stand.seat.hands

    @property
    def numbers(self) -> list[str]:
        return [f"{self.prefix}-{n:04}" for n in range(1, self.count + 1)]

    def standing(self) -> list[Standing]:
        """What is in the books there."""
        with self.stand.seat.double.lock:
            return self.hands.standing()

    def live(self, turns: Sequence[Turn]) -> list[str]:
        """The world takes its turns, an invoice each; the rest is left alone. Returns what happened."""
        refs = {one.number: one.ref for one in self.standing()}
        hands = getattr(self.hands, "account", self.hands)
        self.expected = dict.fromkeys(self.numbers, "open")
        happened = []
        for number, turn in zip(self.numbers, turns, strict=False):
            turn.act(hands, refs[number])
            self.expected[number] = turn.status
            happened.append(f"{number} {turn.told}")
        return happened

    def pay(self, number: str) -> None:
        """All of it, in the sandbox."""
        ref = next(one.ref for one in self.standing() if one.number == number)
        self.hands.pay(ref)
        self.expected[number] = "paid"

    # --- commands -------------------------------------------------------------------------------------

    def invoices(self, stage: Stage) -> list[dict[str, Any]]:
        """What wispbill knows of them."""
        words = ("--tenant", self.tenant, "--limit", "1000", "--json")
        rows: list[dict[str, Any]] = json.loads(stage.run("invoices", "list", *words, shown=False))[
            "invoices"
        ]
        return sorted(rows, key=lambda row: str(row["number"]))

    def to_pay(self, stage: Stage) -> tuple[str, str]:
        """An open invoice, and how somebody may pay it: a page, or a call of the sandbox's control."""
        row = next(row for row in self.invoices(stage) if row["paymentStatus"] == "open")
        if row["payUrl"] and row["payUrl"].startswith(self.stand.served.url):
            return row["number"], row["payUrl"]
        control = f"{self.stand.served.control_url}/control/{self.hands.id}/pay"
        return row["number"], f"""curl {control} -d '{{"ref": "{row["externalId"]}"}}'"""

    def is_sent(self, stage: Stage) -> bool:
        return all(row["sync"] == "synced" for row in self.invoices(stage))

    def is_known(self, stage: Stage) -> bool:
        return not self.differences(self.invoices(stage))

    def differences(self, rows: Sequence[Row]) -> list[str]:
        """A sentence for each invoice of which we know other than what is so there."""
        return [f"{self.label} {one}" for one in differences(self.expected, self.standing(), rows)]

    def found(self, stage: Stage, *, shown: bool) -> None:
        """The tenant."""
        name, zone = f"WISP on {self.label}", "America/Denver"
        words = ("--name", name, "--zone", zone, "--currency", "USD")
        stage.run("tenants", "add", self.tenant, *words, shown=shown)

    def bill(self, stage: Stage, *, shown: bool) -> None:
        """Its invoices, from a file."""
        path = stage.folder / f"{self.provider}.csv"
        self._write(path, (stage.clock.now() + timedelta(days=14)).date().isoformat())
        words = ("--create-customers", "--tenant", self.tenant)
        stage.run("invoices", "import", str(path), *words, shown=shown)

    def _write(self, path: Path, due: str) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(HEAD)
            for n, number in enumerate(self.numbers, 1):
                name, email = f"Subscriber {n:04}", f"subscriber{n:04}@example.com"
                writer.writerow([number, f"C-{n:04}", name, email, due, "Internet 100/20, one month", PRICE])
