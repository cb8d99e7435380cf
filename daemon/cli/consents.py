"""When consents end, and what they lack, for `wispbill status` and `wispbill doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from daemon.cli.shapes import Shape
    from daemon.store import records


def of_integrations(rows: Sequence[records.Integration], now: datetime) -> dict[str, Shape]:
    """Per integration: when the consent ends that it works under."""
    from daemon.office import consents

    return consents.of_integrations(rows, now)


def problems(rows: Sequence[records.Integration], now: datetime) -> Iterator[Shape]:
    """Consents that end soon and whose end no refresh moves; permissions that were taken away."""
    from daemon.office import consents

    return consents.problems(rows, now)
