"""The files that travel with the program: the example configuration and the unit.

The wheel has them in `daemon/data`; a source checkout where they are kept, beside the package.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import daemon

UNIT_PROGRAM = "/opt/wispbill/.venv/bin/wispbill"
UNIT_CONFIG = "/etc/wispbill"


def example_config() -> str:
    """`wispbill.toml` with every key, its default and what it is for."""
    return _text("wispbill.example.toml", "config/wispbill.example.toml")


def unit() -> str:
    """`wispbill.service`, for an installation in /opt/wispbill."""
    return _text("wispbill.service", "wispbill.service")


def _text(name: str, in_checkout: str) -> str:
    packed = files("daemon").joinpath("data", name)
    if packed.is_file():
        return packed.read_text("utf-8")
    return (Path(daemon.__file__).parents[1] / in_checkout).read_text("utf-8")
