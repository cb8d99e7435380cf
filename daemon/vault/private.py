"""Files that hold secrets: read only when nobody else can, written so that nobody else ever could."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pydantic import SecretStr

from daemon.errors import InvalidInput

MOST = 64 * 1024
"""Bytes; no secret is longer."""

CODE = "WB-SECRET-FILE"


def read_private(path: Path) -> SecretStr:
    """The text of a secret file, without the line end that editors add. Raises InvalidInput where it
    cannot be read, can be read by others, or is no text of at most 64 KiB."""
    try:
        return SecretStr(read_private_bytes(path).decode().rstrip("\r\n"))
    except UnicodeDecodeError:
        raise InvalidInput(CODE, f"{path} is not text in UTF-8") from None


def read_private_bytes(path: Path, *, shared: bool = False) -> bytes:
    """The content of a secret file; `shared` leaves its mode to somebody who guards it (systemd). The
    checks are made on the file that was opened, not on its name. Raises InvalidInput."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise InvalidInput(CODE, f"{path} cannot be read: {error.strerror}") from None
    try:
        _check(path, os.fstat(opened), shared)
        with os.fdopen(opened, "rb", closefd=False) as file:
            content = file.read(MOST + 1)
    finally:
        os.close(opened)
    if len(content) > MOST:
        raise InvalidInput(CODE, f"{path} is larger than 64 KiB; it cannot be a secret")
    return content


def _check(path: Path, facts: os.stat_result, shared: bool) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise InvalidInput(CODE, f"{path} is not a regular file")
    mode = stat.S_IMODE(facts.st_mode)
    if mode & 0o077 and not shared:
        raise InvalidInput(CODE, f"{path} can be read by others (mode {mode:04o}): chmod 600 {path}")


def write_private(path: Path, content: bytes) -> None:
    """Put `content` in place of `path`, whole or not at all, readable by its owner only, and on the disk
    when this returns. Raises InvalidInput."""
    draft = path.with_name(f".{path.name}.new")
    try:
        draft.unlink(missing_ok=True)
        opened = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(opened, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise InvalidInput(CODE, f"{path} cannot be written: {error.strerror}") from None


def _sync_folder(folder: Path) -> None:
    """The name is on the disk only once its folder is."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
