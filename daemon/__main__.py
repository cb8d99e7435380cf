"""`python -m daemon` and the `wispbill` command."""

from __future__ import annotations

from daemon.cli import app


def main() -> None:
    app(prog_name="wispbill")


if __name__ == "__main__":
    main()
