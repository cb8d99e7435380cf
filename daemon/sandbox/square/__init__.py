"""A double of Square."""

from daemon.sandbox.square.app import SquareDouble
from daemon.sandbox.square.hands import SquareAccount

__all__ = ["SquareAccount", "SquareDouble"]
