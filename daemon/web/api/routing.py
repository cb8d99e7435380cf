"""The routes of the API: what is asked, by whom, with what, and what is answered."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeVar, cast

from pydantic import BaseModel

from daemon.errors import InvalidInput, NotFound
from daemon.house import House
from daemon.store import customers, records, tokens
from daemon.store.tokens import ApiToken, Role
from daemon.web.api.roles import Rule

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

Scope = Literal["tenant", "either", "platform"]
"""What a platform admin's token must say: one tenant; one tenant or `*`; nothing."""


@dataclass(frozen=True, slots=True)
class File:
    """A body that is no JSON of ours."""

    media_type: str
    content: bytes
    name: str


@dataclass(frozen=True, slots=True)
class Answer:
    """`shown` becomes the body, or `file`; neither: 204. `etag` names this version of what is shown."""

    shown: BaseModel | None = None
    status: int = 200
    etag: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    kept: bool = True
    """False: it holds something that is shown once, and is never stored for a repetition."""

    file: File | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose token, role, query and body were checked. `tenant` is None where a platform admin
    asks about all of them; `owner` is the customer that a customer owner's token is for."""

    house: House
    token: ApiToken
    tenant_row: records.Tenant | None
    path: Mapping[str, str]
    query: BaseModel | None
    body: BaseModel | None
    if_match: str | None
    rule: Rule
    id: str
    accept: str = ""

    @property
    def tenant(self) -> records.Tenant:
        if self.tenant_row is None:
            raise InvalidInput("WB-ACCESS-TENANT", "name the tenant in the header Wispbill-Tenant")
        return self.tenant_row

    @property
    def role(self) -> Role:
        return Role(self.token.role)

    @property
    def actor(self) -> str:
        return tokens.actor_of(self.token)

    @property
    def now(self) -> datetime:
        return self.house.clock.now()

    def given(self, model: type[M]) -> M:
        """The body, which is of the route's model."""
        return cast(M, self.body)

    def asked(self, model: type[M]) -> M:
        """The query, as above."""
        return cast(M, self.query)

    def write(self, label: str, work: Callable[[], T], *, wake: str = "") -> T:
        """In one transaction; then hasten the job `wake`."""
        answer = self.house.store.write(f"api.{label}", work)
        if wake:
            self.house.wake(wake)
        return answer

    def customer(self) -> records.Customer:
        """That of the path: `wbc_…`, or `ref:` and the platform's reference. Raises NotFound, also for
        another customer than the one the token is for."""
        name = self.path["customerId"]
        row = customers.find(self.tenant.id, name)
        if row is None or name not in (row.id, f"ref:{row.reference}"):
            raise NotFound("customer", name)
        if self.role is Role.CUSTOMER_OWNER:
            if row.id != self.token.customer_id:
                raise NotFound("customer", name)
            if self.rule.connects and not row.may_connect:
                raise InvalidInput("WB-ACCESS-CONNECT", "the tenant has not granted this customer to connect")
        return row

    def insist_on(self, etag: str) -> None:
        """Inside a transaction: raises InvalidInput where If-Match names another version."""
        wanted = self.if_match
        if wanted is None or wanted.strip() == "*":
            return
        # Ours hold no comma; a weak one (W/"…") never matches (RFC 9110, section 13.1.1).
        if etag not in [one.strip() for one in wanted.split(",")]:
            raise InvalidInput("WB-INPUT-CHANGED", "it was changed since the version that If-Match names")


Handle = Callable[[Request], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path. `given` and `asked` are the models of body and query, `shown` that of the
    answer."""

    method: str
    path: str
    handle: Handle
    rule: Rule
    summary: str
    given: type[BaseModel] | None = None
    asked: type[BaseModel] | None = None
    shown: type[BaseModel] | None = None
    status: int = 200
    scope: Scope = "tenant"
    versioned: bool = False
    also: tuple[tuple[int, type[BaseModel]], ...] = ()
    """Other answers than `shown`: status and model."""

    files: tuple[str, ...] = ()
    """Media types of files that it answers with where they are asked for."""

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def collides(self) -> bool:
        """Whether it changes something that has versions, and takes If-Match."""
        return self.versioned and self.method != "GET"

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"\{(\w+)\}", self.path)


@dataclass(frozen=True, slots=True)
class Found:
    route: Route
    path: Mapping[str, str]


class Table:
    """Finds the route of a request; paths are matched segment by segment."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)
        self._patterns = [(_pattern(route.path), route) for route in routes]

    def find(self, method: str, path: str) -> Found | list[str]:
        """The route, or the methods that the path has: an empty list where there is no such path."""
        others: list[str] = []
        for pattern, route in self._patterns:
            match = pattern.fullmatch(path)
            if match is None:
                continue
            if route.method == method:
                return Found(route, cast(dict[str, Any], match.groupdict()))
            others.append(route.method)
        return sorted(others)


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]{1,200})", re.escape(path)))
