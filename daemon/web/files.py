"""How a file that we send is called."""

from __future__ import annotations

from urllib.parse import quote


def disposition(name: str, *, inline: bool) -> str:
    """A Content-Disposition (RFC 6266) that is ASCII and one header whatever the name is; `inline`: shown by
    the browser, where it can."""
    kind = "inline" if inline else "attachment"
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in name)
    exact = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'{kind}; filename="{plain}"{exact}'
