"""Errors as RFC 9457 problem details, with the code of the catalogue."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from daemon.errors import (
    CATALOGUE,
    InvalidInput,
    RemoteError,
    Stopping,
    StoreError,
    Throttled,
    Unauthorised,
    Unsupported,
    VaultError,
    WispbillError,
)
from daemon.errors import Rejected as RemoteRejected
from daemon.log import scrub
from daemon.web.api.bodies import Misgiven, camel

STATUS = {
    "WB-NOT-FOUND": 404,
    "WB-INPUT-JSON": 400,
    "WB-INPUT-TOO-LARGE": 413,
    "WB-INPUT-TOO-FAST": 429,
    "WB-INPUT-CHANGED": 412,
    "WB-INPUT-REPEATED": 409,
    "WB-INPUT-METHOD": 405,
    "WB-ACCESS-TOKEN": 401,
    "WB-ACCESS-ROLE": 403,
    "WB-ACCESS-CONNECT": 403,
    "WB-ACCESS-TENANT": 400,
    "WB-INTEGRATION-TAKEN": 409,
    "WB-INTEGRATION-STATE": 409,
    "WB-SWITCH": 409,
    "WB-PAYMENT": 409,
    "WB-ACCOUNT-TAKEN": 409,
    "WB-ACCOUNT-DIFFERS": 409,
    "WB-INVOICE-TAKEN": 409,
    "WB-INVOICE-STATE": 409,
    "WB-CUSTOMER-TAKEN": 409,
    "WB-PLAN-TAKEN": 409,
    "WB-PLAN-ENDED": 409,
    "WB-SUBSCRIPTION-TAKEN": 409,
    "WB-MATCH-CHANGED": 409,
    "WB-CLOSE-STATE": 409,
    "WB-CONFIG": 409,
}


class Problem(BaseModel):
    """What went wrong: `code` is stable, `detail` is for people, `field` names what to put right."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    type: str = Field(examples=["urn:wispbill:error:WB-NOT-FOUND"])
    title: str = Field(description="The catalogue's sentence.")
    status: int
    code: str = Field(examples=["WB-NOT-FOUND"])
    detail: str
    field: str | None = None
    actor: str = Field(description="Who must act.")
    next_try: str = Field(description="When it is tried again.")
    request_id: str


def status_of(error: WispbillError) -> int:
    """What HTTP says of it."""
    if error.code in STATUS:
        return STATUS[error.code]
    match error:
        case Throttled() | StoreError() | Stopping() | VaultError():
            return 503
        case InvalidInput() | Unsupported() | Unauthorised() | RemoteRejected():
            return 422
        case RemoteError():
            return 502
    return 500


def problem(error: WispbillError, request_id: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body."""
    status = status_of(error)
    entry = CATALOGUE.get(error.code, CATALOGUE["WB-INTERNAL"])
    field, detail = _named(error)
    shown = Problem(
        type=f"urn:wispbill:error:{error.code}",
        title=entry.sentence,
        status=status,
        code=error.code,
        detail=scrub(detail),
        field=scrub(field) if field else None,
        actor=entry.actor,
        next_try=entry.next_try,
        request_id=request_id,
    )
    headers = {"Content-Type": "application/problem+json", "X-Error-Code": error.code}
    wait_s: Any = getattr(error, "retry_after", None)
    if wait_s is not None:
        headers["Retry-After"] = str(max(1, int(wait_s + 0.999)))
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return status, headers, json.dumps(shown.model_dump(mode="json", by_alias=True)).encode()


def _named(error: WispbillError) -> tuple[str | None, str]:
    """The field and what is wrong with it, in the API's names: the work below has snake_case ones."""
    field: str | None = getattr(error, "field", None)
    if field is None or isinstance(error, Misgiven):
        return field, error.message
    rest = error.message.removeprefix(f"{field}:")
    return camel(field), error.message if rest == error.message else f"{camel(field)}:{rest}"
