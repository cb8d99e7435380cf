"""The pages of a face: who may see each, and what its handler is handed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from daemon.errors import InvalidInput
from daemon.house import House
from daemon.settings import Settings
from daemon.store import records, sessions
from daemon.store.sessions import WebSession
from daemon.store.tokens import Role
from daemon.web.api.pace import TooFast
from daemon.web.limits import Budget
from daemon.web.pages.answers import Answer
from daemon.web.pages.forms import Fields
from daemon.web.pages.rendering import Reader

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rule:
    """`roles` may see it, with a session of this face; `anybody`: also who has none."""

    roles: frozenset[Role] = frozenset()
    anybody: bool = False


ANYBODY = Rule(anybody=True)


@dataclass(frozen=True, slots=True)
class NavItem:
    """An entry of the navigation; current where the path begins with `href`. `count` stands beside it."""

    label: str
    href: str
    count: int = 0


@dataclass(slots=True)
class Visit:
    """A request for a page whose session, rule, size, origin and form were checked."""

    house: House
    face: Face
    url: str
    path: Mapping[str, str]
    query: Fields
    form: Fields
    session: WebSession | None
    tenant_row: records.Tenant | None
    reader: Reader
    id: str
    client: str
    browser: str
    is_partial: bool
    secure: bool
    budgets: Callable[[str, int], Budget]
    mark: str = ""
    """Of this browser, the same before and after it went to another site and came back; "": it has none."""
    said: list[tuple[str, str]] = field(default_factory=list)
    signed_in: str | None = None
    """The token of a session that began in this request; "": one ended. The server makes the cookie of it."""
    came_with: WebSession | None = field(init=False)
    """The session that the request came with, whatever it ends with."""

    def __post_init__(self) -> None:
        self.came_with = self.session

    @property
    def now(self) -> datetime:
        return self.house.clock.now()

    @property
    def me(self) -> WebSession:
        """Raises InvalidInput where nobody is signed in."""
        if self.session is None:
            raise InvalidInput("WB-ACCESS-SESSION", "nobody is signed in")
        return self.session

    @property
    def tenant(self) -> records.Tenant:
        if self.tenant_row is None:
            raise InvalidInput("WB-ACCESS-TENANT", "no tenant is chosen")
        return self.tenant_row

    @property
    def role(self) -> Role:
        return Role(self.me.role)

    @property
    def actor(self) -> str:
        return self.me.actor

    def write(self, label: str, work: Callable[[], T], *, wake: str = "") -> T:
        """In one transaction; then hasten the job `wake`."""
        answer = self.house.store.write(f"{self.face.name}.{label}", work)
        if wake:
            self.house.wake(wake)
        return answer

    def pace(self, name: str, per_minute: int) -> None:
        """Of one session, or one address without one. Raises TooFast."""
        wait_s = self.budgets(name, per_minute).take(self.session.id if self.session else self.client)
        if wait_s:
            raise TooFast(wait_s, "that was asked for a moment ago")

    def say(self, kind: str, sentence: str) -> None:
        """On the page that is shown next; `kind` is good, bad or note."""
        if self.session is None:
            self.said.append((kind, sentence))
            return
        row = self.session
        self.house.store.write("pages.say", lambda: sessions.say(row, kind, sentence))

    def sign_in(
        self,
        *,
        tenant_id: str,
        role: Role,
        customer_id: str | None = None,
        user_id: str | None = None,
        epoch: int = 0,
    ) -> WebSession:
        """In a transaction of its own, unless there is one: a new session; the one that the request came with
        ends, also where the transaction is repeated."""
        old, settings = self.came_with, self.house.settings

        def work() -> tuple[WebSession, str]:
            if old is not None:
                sessions.end(old, actor=old.actor, now=self.now)
            return sessions.begin(
                face=self.face.name,
                tenant_id=tenant_id,
                role=role.value,
                customer_id=customer_id,
                user_id=user_id,
                epoch=epoch,
                client=self.browser,
                idle_s=self.face.idle_s(settings),
                life_s=self.face.life_s(settings),
                now=self.now,
                entropy=self.house.entropy,
            )

        self.session, self.signed_in = self.house.store.write("pages.sign_in", work)
        return self.session

    def sign_out(self) -> None:
        """End the session, here and in the browser."""
        row, self.signed_in = self.session, ""
        if row is not None:
            self.house.store.write("pages.sign_out", lambda: sessions.end(row, actor=row.actor, now=self.now))
            self.session = None


Handle = Callable[[Visit], Answer]


@dataclass(frozen=True, slots=True)
class Page:
    """One method of one path."""

    method: str
    path: str
    handle: Handle
    rule: Rule

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def _everyone(_house: House, _session: WebSession) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Face:
    """Portal or dashboard. `stranger` answers who has no session where one is needed; `admits` is asked of
    each session at each request: False ends it. `more` is what every template of the face is shown."""

    name: str
    root: str
    home: str
    pages: Sequence[Page]
    nav: Callable[[Visit], Sequence[NavItem]]
    stranger: Callable[[Visit], Answer]
    idle_s: Callable[[Settings], float]
    life_s: Callable[[Settings], float]
    per_minute: Callable[[Settings], int]
    admits: Callable[[House, WebSession], bool] = _everyone
    more: Callable[[Visit], Mapping[str, Any]] = lambda _visit: {}


@dataclass(frozen=True, slots=True)
class Found:
    page: Page
    path: Mapping[str, str]


class Table:
    """Finds the page of a request; paths are matched segment by segment."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self._patterns = [(_pattern(page.path), page) for page in pages]

    def find(self, method: str, path: str) -> Found | list[str]:
        """The page, or the methods that the path has: an empty list where there is no such path."""
        others: list[str] = []
        for pattern, page in self._patterns:
            match = pattern.fullmatch(path)
            if match is None:
                continue
            if page.method == method:
                return Found(page, match.groupdict())
            others.append(page.method)
        return sorted(others)


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]{1,200})", re.escape(path)))
