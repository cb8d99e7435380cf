"""bottle, as every face uses it: known routes only, and answers that are codes, not pages."""

from __future__ import annotations

from typing import Any

import bottle

_CODES = {404: "WB-NOT-FOUND"}


def application() -> bottle.Bottle:
    """An empty application. Errors have no body; what a handler lets through is for `access.logged`."""
    app = bottle.Bottle()
    app.config["catchall"] = False
    app.default_error_handler = _bare
    return app


def _bare(error: Any) -> bytes:
    """Of bottle's own errors (no such route, another method) only status and Allow remain."""
    bottle.response.content_type = "text/plain"
    bottle.response.set_header("X-Error-Code", _CODES.get(error.status_code, "WB-INPUT"))
    return b""
