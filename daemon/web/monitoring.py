"""Monitoring, on a listener of its own: /healthz (the process serves), /readyz (it does its work, or why
not), /metrics (Prometheus). Nothing here changes anything."""

from __future__ import annotations

import json
from typing import Any

import bottle
from prometheus_client import CONTENT_TYPE_LATEST

from daemon.beats import Beats
from daemon.errors import StoreError
from daemon.house import House
from daemon.web.access import WSGI, logged
from daemon.web.kept import Kept
from daemon.web.metrics import page
from daemon.web.outcomes import Outcomes
from daemon.web.readiness import reasons
from daemon.web.routes import application

KEPT_S = 5.0


def monitoring_app(house: House, beats: Beats, outcomes: Outcomes | None = None) -> WSGI:
    """/healthz is 200 while the process serves. /readyz is 200, or 503 with the reasons:
    {"ready": false, "reasons": ["…"]}. /readyz and /metrics are worked out every 5 s at most."""
    counted = outcomes or Outcomes()
    readiness = Kept(lambda: reasons(house, beats), house.clock, for_s=KEPT_S)
    figures = Kept(lambda: page(house, counted), house.clock, for_s=KEPT_S)

    def healthz() -> Any:
        return _text("ok\n")

    def readyz() -> Any:
        found = readiness()
        body = json.dumps({"ready": not found, "reasons": found}) + "\n"
        return _text(body, "503 Service Unavailable" if found else "200 OK", "application/json")

    def metrics() -> Any:
        try:
            return _text(figures().decode(), content_type=CONTENT_TYPE_LATEST)
        except StoreError as error:
            return _text(f"# {error.message}\n", "503 Service Unavailable")

    app = application()
    for handler in (healthz, readyz, metrics):
        app.route(f"/{handler.__name__}", "GET", handler)
    return logged(app, face="monitoring", clock=house.clock, entropy=house.entropy)


def _text(body: str, status: str = "200 OK", content_type: str = "text/plain; charset=utf-8") -> Any:
    headers = {"Content-Type": content_type, "Cache-Control": "no-store"}
    return bottle.HTTPResponse(body.encode(), status, headers)
