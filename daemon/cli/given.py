"""What people give, looked at before anything is opened: names, and documents from stdin or a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, BinaryIO

from daemon.errors import InvalidInput

MOST = 1024 * 1024
"""Bytes of a document on standard input."""


def printable(field: str, value: str, *, most: int = 80) -> str:
    """The value without blanks around it; raises InvalidInput where it is empty, too long, or holds
    control characters."""
    text = value.strip()
    if not text or len(text) > most or not text.isprintable():
        raise InvalidInput("WB-INPUT", f"{field}: 1 to {most} printable characters are needed", field=field)
    return text


def email(value: str) -> str | None:
    """The address, or None for an empty text (none is wanted); raises InvalidInput."""
    if not value.strip():
        return None
    from pydantic import validate_email
    from pydantic_core import PydanticCustomError

    try:
        return validate_email(value.strip())[1]
    except PydanticCustomError:
        raise InvalidInput("WB-INPUT", "email: this is not an e-mail address", field="email") from None


def stdin_document() -> dict[str, Any]:
    """A JSON object on standard input; raises InvalidInput, which never shows what came."""
    text = sys.stdin.buffer.read(MOST + 1)
    if len(text) > MOST:
        raise InvalidInput("WB-INPUT-TOO-LARGE", f"standard input holds more than {MOST} bytes")
    return as_document(text, "standard input")


def private_document(path: Path) -> dict[str, Any]:
    """A JSON object from a file that only its owner can read; raises InvalidInput."""
    from daemon.vault import read_private

    return as_document(read_private(path).get_secret_value(), str(path))


def opened(path: Path) -> BinaryIO:
    """A file to read; raises InvalidInput."""
    try:
        return path.open("rb")
    except OSError as error:
        raise InvalidInput("WB-INPUT", f"{path} cannot be read: {error.strerror}") from None


def as_document(text: str | bytes, source: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInput("WB-INPUT", f"{source} is not JSON") from None
    if not isinstance(value, dict):
        raise InvalidInput("WB-INPUT", f"{source} is not a JSON object")
    return value
