"""The Square adapter."""

from daemon.providers.square.adapter import Square

__all__ = ["Square"]
