"""Where the dashboard's pages stand. What belongs to a tenant stands under its id."""

from __future__ import annotations

ROOT = "/dashboard"
SIGN_IN = f"{ROOT}/sign-in"
OIDC = f"{ROOT}/oidc"
ACCOUNT = f"{ROOT}/account"
TENANTS = f"{ROOT}/tenants"
WITHIN = f"{ROOT}/{{tenantId}}"


def of_tenant(tenant_id: str, page: str = "overview") -> str:
    return f"{ROOT}/{tenant_id}/{page}"
