"""Customers and tenants."""

from __future__ import annotations

from daemon.errors import InvalidInput, NotFound
from daemon.store import audit, billing, customers, records, tenants
from daemon.store.tokens import Role
from daemon.web.api import given, roles, shown
from daemon.web.api.etags import etag
from daemon.web.api.routing import Answer, Request, Route

ROOT = "/api/customers"
ONE = f"{ROOT}/{{customerId}}"


def _version(row: records.Customer) -> str:
    return etag([row.id, row.name, row.email, row.phone, row.may_connect])


def _answer(row: records.Customer, status: int = 200) -> Answer:
    return Answer(shown.customer(row), status, _version(row))


def add(request: Request) -> Answer:
    body = request.given(given.CustomerGiven)
    known = customers.find(request.tenant.id, f"ref:{body.reference}")
    row = billing.write_once(
        request.house.store,
        "api.customers.add",
        lambda: customers.add(
            tenant_id=request.tenant.id,
            reference=body.reference,
            name=body.name or body.reference,
            email=body.email,
            phone=body.phone,
            actor=request.actor,
            now=request.now,
            entropy=request.house.entropy,
        ),
    )
    return _answer(row, 200 if known else 201)


def listed(request: Request) -> Answer:
    asked = request.asked(given.PageQuery)
    rows = customers.listing(request.tenant.id, limit=asked.limit + 1, after=asked.after)
    more = rows[asked.limit - 1].reference if len(rows) > asked.limit else None
    return Answer(
        shown.CustomerPage(customers=[shown.customer(row) for row in rows[: asked.limit]], next=more)
    )


def one(request: Request) -> Answer:
    return _answer(request.customer())


def change(request: Request) -> Answer:
    changes = request.given(given.CustomerChange).told()
    if "may_connect" in changes and request.role is Role.TENANT_STAFF:
        raise InvalidInput("WB-ACCESS-ROLE", "mayConnect: only an administrator grants that")
    for name in ("name", "may_connect"):
        if name in changes and changes[name] is None:
            raise InvalidInput("WB-INPUT", f"{name}: it cannot be taken away", field=name)
    there = request.customer()

    def work() -> records.Customer:
        customers.hold(there.id)
        row = customers.get(request.tenant.id, there.id)
        request.insist_on(_version(row))
        return customers.update(request.tenant.id, row.id, changes, actor=request.actor, now=request.now)

    return _answer(request.write("customers.change", work))


# --- tenants ------------------------------------------------------------------------------------------


def add_tenant(request: Request) -> Answer:
    body = request.given(given.TenantGiven)

    def work() -> records.Tenant:
        row = tenants.add(
            reference=body.reference,
            name=body.name or body.reference,
            zone=body.zone,
            currency=body.currency.upper(),
            actor=request.actor,
            now=request.now,
            entropy=request.house.entropy,
        )
        data = {"tenant": row.id}
        audit.append(
            audit.PLATFORM,
            actor=request.actor,
            action="tenant.added",
            subject=row.id,
            data=data,
            now=request.now,
        )
        return row

    row = billing.write_once(request.house.store, "api.tenants.add", work)
    return Answer(shown.tenant(row), 201)


def list_tenants(request: Request) -> Answer:
    asked = request.asked(given.PageQuery)
    rows = [row for row in tenants.everyone() if row.reference > asked.after]
    more = rows[asked.limit - 1].reference if len(rows) > asked.limit else None
    return Answer(shown.TenantPage(tenants=[shown.tenant(row) for row in rows[: asked.limit]], next=more))


def one_tenant(request: Request) -> Answer:
    name = request.path["tenantId"]
    plain = name.removeprefix("ref:")
    row = next(
        (x for x in tenants.everyone() if name == x.id or (name != plain and x.reference == plain)), None
    )
    if row is None or (request.role is not Role.PLATFORM_ADMIN and row.id != request.token.tenant_id):
        raise NotFound("tenant", name)
    return Answer(shown.tenant(row))


ROUTES = (
    Route(
        "POST",
        ROOT,
        add,
        roles.ONLY_OFFICE,
        "Add a customer; the same again is harmless",
        given=given.CustomerGiven,
        shown=shown.CustomerShown,
        status=201,
    ),
    Route(
        "GET",
        ROOT,
        listed,
        roles.ONLY_READERS,
        "List the customers, by reference",
        asked=given.PageQuery,
        shown=shown.CustomerPage,
    ),
    Route("GET", ONE, one, roles.AND_OWNER, "Show a customer", shown=shown.CustomerShown, versioned=True),
    Route(
        "PATCH",
        ONE,
        change,
        roles.ONLY_OFFICE,
        "Change a customer",
        given=given.CustomerChange,
        shown=shown.CustomerShown,
        versioned=True,
    ),
    Route(
        "POST",
        "/api/tenants",
        add_tenant,
        roles.ONLY_PLATFORM,
        "Add a tenant",
        given=given.TenantGiven,
        shown=shown.TenantShown,
        status=201,
        scope="platform",
    ),
    Route(
        "GET",
        "/api/tenants",
        list_tenants,
        roles.ONLY_PLATFORM,
        "List the tenants, by reference",
        asked=given.PageQuery,
        shown=shown.TenantPage,
        scope="platform",
    ),
    Route(
        "GET",
        "/api/tenants/{tenantId}",
        one_tenant,
        roles.ONLY_READERS,
        "Show a tenant",
        shown=shown.TenantShown,
        scope="platform",
    ),
)
