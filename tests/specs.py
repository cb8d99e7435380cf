"""Where the providers' machine-readable specifications lie: $WISPBILL_SPECS, else beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "specs"
_NAMED = Path(os.environ.get("WISPBILL_SPECS") or _BESIDE)

if "WISPBILL_SPECS" in os.environ and not _NAMED.is_dir():
    raise FileNotFoundError(f"WISPBILL_SPECS names {_NAMED}, which is no folder")

SPECS: Path | None = _NAMED if _NAMED.is_dir() else None
NO_SPECS = "the providers' specifications are not here; set WISPBILL_SPECS to their folder"
