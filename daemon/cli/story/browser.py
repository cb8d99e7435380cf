"""The browser of an account's owner, as the demo plays it: the provider's page, the owner's yes, and the way
back to the daemon's own page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, build_opener

from daemon.cli.story.voice import StoryError


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def agree(link: str, reached: Callable[[str], str]) -> str:
    """Open the link that `integrations authorize` printed, agree, and follow the way back; `reached` says
    where an address is reached from here. Returns where the browser was sent to. Raises StoryError."""
    status, sent_to, _page = _get(link)
    if status != 302:
        raise StoryError(f"the provider's page answered {status} in place of the way back")
    status, _, page = _get(reached(sent_to))
    if status != 200:
        raise StoryError(f"{sent_to.partition('?')[0]} answered {status}: {page[:300]}")
    return sent_to.partition("?")[0]


def _get(url: str) -> tuple[int, str, str]:
    """Status, Location and page."""
    try:
        with build_opener(_NoRedirects).open(url, timeout=30) as answer:
            return answer.status, answer.headers.get("Location", ""), answer.read().decode()
    except HTTPError as error:
        return error.code, error.headers.get("Location", ""), error.read().decode()
