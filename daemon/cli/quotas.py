"""What is left of providers' quotas, and whether it lasts, for `wispbill status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from daemon.cli.context import Desk
    from daemon.cli.shapes import Shape
    from daemon.store import records


def of_integrations(desk: Desk, rows: Sequence[records.Integration]) -> dict[str, Shape]:
    """Per integration: each named limit, and what the present pace will read in a day of what it may."""
    from daemon.office import quotas

    return quotas.of_integrations(desk.settings, rows, desk.now)


def of_apps(desk: Desk) -> list[Shape]:
    """Per app and monthly limit: what all accounts under it called in this month."""
    from daemon.office import quotas

    return quotas.of_apps(desk.settings, desk.now)


def problems(shape: Shape) -> Iterator[Shape]:
    """What the quotas will not bear, and the one command that settles it."""
    from daemon.office import quotas

    return quotas.problems(shape)


def lines(shape: Shape) -> Iterator[str]:
    """A line for each named limit, and one for each app and month; an empty one after them."""
    from daemon.office.quotas import end_of

    told = False
    for row in shape["integrations"]:
        for quota in row["quotas"]:
            name = f"{row['provider']} {row['account_name'] or row['id']}"
            yield f"{name}: {quota['left']} of {quota['calls']} calls left ({quota['name']}){end_of(quota)}"
            told = True
    for app in shape["apps"]:
        name = f"{app['provider']} app {app['app_id']}"
        yield f"{name}: {app['used']} of {app['calls']} calls used in {app['month']}{end_of(app)}"
        told = True
    if told:
        yield ""
