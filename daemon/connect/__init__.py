"""Connecting an account by consent: the link, what comes back with it, and the integration that it makes."""

from daemon.connect.asking import Link, begin
from daemon.connect.joining import Choice, Connected, answer, finish

__all__ = ["Choice", "Connected", "Link", "answer", "begin", "finish"]
