"""A page of one tenant: whose it is, who of the staff asks, and what they may do."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from markupsafe import Markup

from daemon.clock import Clock
from daemon.errors import InvalidInput, NotFound
from daemon.house import House
from daemon.store import audit, records, staff, tenants
from daemon.store.staff import Staff
from daemon.store.tokens import Role
from daemon.web.api import roles
from daemon.web.dashboard.addresses import ROOT, WITHIN, of_tenant
from daemon.web.pages import Answer, Page, Rule, View, Visit
from daemon.web.pages.rendering import Reader

T = TypeVar("T")
LIMIT = 50
PICTURES_S, MOST_PICTURES = 60.0, 1000


class Pictures:
    """Charts of a tenant, drawn at most once a minute: they are sums over all of its payments."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], tuple[float, list[Markup]]] = OrderedDict()

    def of(self, tenant_id: str, name: str, draw: Callable[[], list[Markup]]) -> list[Markup]:
        key, now = (tenant_id, name), self._clock.monotonic()
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and now - kept[0] < PICTURES_S:
            return kept[1]
        drawn = draw()
        with self._lock:
            self._kept[key] = (now, drawn)
            if len(self._kept) > MOST_PICTURES:
                self._kept.popitem(last=False)
        return drawn


@dataclass(frozen=True, slots=True)
class Desk:
    """A request within a tenant, by somebody of the staff."""

    visit: Visit
    staff: Staff
    tenant: records.Tenant
    pictures: Pictures

    @property
    def house(self) -> House:
        return self.visit.house

    @property
    def now(self) -> datetime:
        return self.visit.now

    @property
    def actor(self) -> str:
        return self.staff.actor

    @property
    def root(self) -> str:
        return f"{ROOT}/{self.tenant.id}"

    @property
    def may_act(self) -> bool:
        """Whether buttons are for them."""
        return Role(self.staff.role) in roles.OFFICE

    @property
    def may_decide(self) -> bool:
        """Whether what only an administrator does is for them."""
        return Role(self.staff.role) in roles.ADMINS

    def write(self, label: str, work: Callable[[], T], *, wake: str = "") -> T:
        return self.visit.write(label, work, wake=wake)

    def audit(self, action: str, subject: str, data: Mapping[str, Any]) -> None:
        """Inside a transaction."""
        audit.append(
            self.tenant.id, actor=self.actor, action=action, subject=subject, data=dict(data), now=self.now
        )

    def view(self, template: str, title: str, *, part: str | None = None, **shown: Any) -> View:
        return View(f"dashboard/{template}.html", {"title": title, "desk": self} | shown, part=part)

    def path(self, page: str) -> str:
        return f"{self.root}/{page}"


Handle = Callable[[Desk], Answer]


@dataclass(frozen=True, slots=True)
class Spot:
    """One method of one path below a tenant's, like `customers/{customerId}`."""

    method: str
    path: str
    handle: Handle
    rule: Rule


class Crossings:
    """The first page that a platform admin looks at within a tenant on a day is in that tenant's audit."""

    def __init__(self) -> None:
        self._noted: dict[tuple[str, str], object] = {}

    def note(self, desk: Desk) -> None:
        key, today = (desk.staff.id, desk.tenant.id), desk.now.date()
        if not desk.staff.is_platform or self._noted.get(key) == today:
            return
        desk.write("crossed", lambda: desk.audit("staff.crossed", desk.staff.id, {"first": desk.visit.url}))
        if len(self._noted) > 10_000:
            self._noted.clear()
        self._noted[key] = today


def page_of(spot: Spot, crossings: Crossings, pictures: Pictures) -> Page:
    """Raises NotFound for every tenant that is not theirs, as for one that there is not."""

    def handle(visit: Visit) -> Answer:
        desk = Desk(visit, who(visit), tenant_of(visit, visit.path["tenantId"]), pictures)
        visit.tenant_row = desk.tenant
        visit.reader = Reader(visit.reader.locale, ZoneInfo(desk.tenant.zone))
        crossings.note(desk)
        return spot.handle(desk)

    return Page(spot.method, f"{WITHIN}/{spot.path}", handle, spot.rule)


def who(visit: Visit) -> Staff:
    """Raises NotFound, and InvalidInput where nobody is signed in."""
    return staff.get(visit.me.tenant_id, visit.me.user_id or "")


def tenant_of(visit: Visit, name: str) -> records.Tenant:
    mine = visit.me.tenant_id
    if mine not in (name, staff.PLATFORM):
        raise NotFound("tenant", name)
    row = tenants.get(name)
    if row.id != name:
        raise NotFound("tenant", name)
    return row


def day_of(text: str, field: str) -> date | None:
    """None for an empty text; raises InvalidInput."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        words = f"{field}: a date is written like 2030-02-01"
        raise InvalidInput("WB-INPUT", words, field=field) from None


def home_of(visit: Visit) -> str:
    """Where somebody begins: at their tenant, or at the list of all."""
    mine = visit.me.tenant_id
    return f"{ROOT}/tenants" if mine == staff.PLATFORM else of_tenant(mine)
