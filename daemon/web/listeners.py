"""The listeners that the settings ask for: each is a WSGI application and its own server."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from daemon.beats import Beats
from daemon.house import House
from daemon.web.access import WSGI, Environ
from daemon.web.api.bodies import MOST as MOST_API
from daemon.web.api.serving import ROOT as API
from daemon.web.api.serving import api_app
from daemon.web.dashboard.addresses import ROOT as DASHBOARD
from daemon.web.dashboard.face import dashboard_app
from daemon.web.monitoring import monitoring_app
from daemon.web.oauth import beside, callback_app
from daemon.web.outcomes import Outcomes
from daemon.web.pages import assets
from daemon.web.portal.addresses import ROOT as PORTAL
from daemon.web.portal.face import portal_app
from daemon.web.receiver import ROOT as WEBHOOKS
from daemon.web.receiver import UNKNOWN, receiver_app
from daemon.web.server import WebServer
from daemon.web.sizes import BodySizes

__all__ = ["WebServer", "build_web"]

MONITORING_THREADS = 2


def build_web(house: House, beats: Beats) -> list[WebServer]:
    """The servers that the settings ask for, not started yet."""
    outcomes = Outcomes()
    servers = []
    settings = house.settings
    faces = settings.portal.enabled or settings.dashboard.enabled
    if settings.receiver.enabled or settings.api.enabled or faces:
        servers.append(_public(house, beats, outcomes))
    if house.settings.monitoring.enabled:
        servers.append(_monitoring(house, beats, outcomes))
    return servers


def public_app(house: House, outcomes: Outcomes | None = None) -> WSGI:
    """What the world reaches: consents, and what the settings enable of API, pages and webhooks."""
    api = api_app(house) if house.settings.api.enabled else nothing
    receiver = receiver_app(house, outcomes) if house.settings.receiver.enabled else nothing
    pages = _pages(house)

    def serve(environ: Environ, start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        for root, app in pages:
            if path == root or path.startswith(f"{root}/"):
                return app(environ, start_response)
        mine = path.startswith(API) and not path.startswith(WEBHOOKS)
        return (api if mine else receiver)(environ, start_response)

    return beside(callback_app(house), serve)


def _pages(house: House) -> list[tuple[str, WSGI]]:
    """The faces that the settings enable, by the path that each stands under, and the static files of every
    page, a consent's too."""
    faces: list[tuple[str, WSGI]] = [(assets.ROOT.rstrip("/"), assets.serve)]
    if house.settings.portal.enabled:
        faces.append((PORTAL, portal_app(house)))
    if house.settings.dashboard.enabled:
        faces.append((DASHBOARD, dashboard_app(house)))
    return faces


def nothing(_environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response(UNKNOWN.status, [*UNKNOWN.headers, ("Content-Length", "0")])
    return [b""]


def _body_sizes(house: House) -> Callable[[str], int]:
    """How large a body may be at a path: the API's own limit, else what the provider is known to send."""
    sizes = BodySizes(house)

    def of(path: str) -> int:
        return MOST_API if path.startswith(API) and not path.startswith(WEBHOOKS) else sizes.of(path)

    return of


def _public(house: House, beats: Beats, outcomes: Outcomes) -> WebServer:
    settings = house.settings.receiver
    return WebServer(
        public_app(house, outcomes),
        name="receiver",
        host=settings.listen.host,
        port=settings.listen.port,
        clock=house.clock,
        beats=beats,
        threads=settings.threads,
        connections=settings.connections,
        per_address=settings.per_address,
        max_body=settings.max_body,
        max_body_of=_body_sizes(house),
        header_timeout_s=settings.header_timeout,
        body_timeout_s=settings.body_timeout,
        trusted_proxy=settings.trusted_proxy,
        at_thread_end=house.store.db.close,
    )


def _monitoring(house: House, beats: Beats, outcomes: Outcomes) -> WebServer:
    settings = house.settings.monitoring
    return WebServer(
        monitoring_app(house, beats, outcomes),
        name="monitoring",
        host=settings.listen.host,
        port=settings.listen.port,
        clock=house.clock,
        beats=beats,
        threads=MONITORING_THREADS,
        max_body=0,
        at_thread_end=house.store.db.close,
    )
