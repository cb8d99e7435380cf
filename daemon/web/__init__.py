"""The web: what the daemon serves over HTTP. Each listener is a WSGI application and its own server."""

from __future__ import annotations

from daemon.beats import Beats
from daemon.house import House
from daemon.web.monitoring import monitoring_app
from daemon.web.oauth import beside, callback_app
from daemon.web.outcomes import Outcomes
from daemon.web.receiver import receiver_app
from daemon.web.server import WebServer
from daemon.web.sizes import BodySizes

__all__ = ["WebServer", "build_web"]

MONITORING_THREADS = 2


def build_web(house: House, beats: Beats) -> list[WebServer]:
    """The servers that the settings ask for, not started yet."""
    outcomes = Outcomes()
    servers = []
    if house.settings.receiver.enabled:
        servers.append(_receiver(house, beats, outcomes))
    if house.settings.monitoring.enabled:
        servers.append(_monitoring(house, beats, outcomes))
    return servers


def _receiver(house: House, beats: Beats, outcomes: Outcomes) -> WebServer:
    settings = house.settings.receiver
    return WebServer(
        beside(callback_app(house), receiver_app(house, outcomes)),
        name="receiver",
        host=settings.listen.host,
        port=settings.listen.port,
        clock=house.clock,
        beats=beats,
        threads=settings.threads,
        connections=settings.connections,
        per_address=settings.per_address,
        max_body=settings.max_body,
        max_body_of=BodySizes(house).of,
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
