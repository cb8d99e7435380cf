"""Master keys: 32 random bytes each, known by a number, from a file, a systemd credential or a variable.

The key file holds a line `id:base64` for each key, or one key alone (raw, hexadecimal or base64), which is
then key 1.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from daemon.clock import Entropy
from daemon.errors import InvalidInput
from daemon.settings import Settings
from daemon.vault.private import read_private_bytes, write_private

KEY_FILE = "master.key"
KEY_VARIABLE = "CREDENTIAL_ENCRYPTION_KEY"
SYSTEM_KEY = Path("/etc/wispbill") / KEY_FILE
"""From where the unit's LoadCredential= takes it. Systemd hands a credential to the daemon alone: root's
CLI reads the file itself."""
KEY_BYTES = 32
MOST_ID = 2**32 - 1

_LINE = re.compile(r"([1-9]\d{0,9}):\s*(\S+)", re.ASCII)
_CODE = "WB-VAULT-KEY"


class MasterKeys(Mapping[int, bytes]):
    """Key id to key. Shows ids alone when printed."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        """Raises InvalidInput where there is no key, an id is not of 1 … 2^32-1, or a key is not 32 bytes."""
        if not keys:
            raise InvalidInput(_CODE, "there is no master key; make one with `wispbill keys new`")
        for key_id, key in keys.items():
            if not 1 <= key_id <= MOST_ID:
                raise InvalidInput(_CODE, f"a master key's id is a number of 1 to {MOST_ID}")
            if len(key) != KEY_BYTES:
                raise InvalidInput(_CODE, f"master key {key_id} is not {KEY_BYTES} bytes long")
        self._keys = dict(sorted(keys.items()))

    @classmethod
    def load(cls, settings: Settings, environ: Mapping[str, str]) -> MasterKeys:
        """The keys of the key file (see `key_path`) and, as key 1, of $CREDENTIAL_ENCRYPTION_KEY. Raises
        InvalidInput where there is none, one is malformed, the two disagree, or others can read the file."""
        path = key_path(settings, environ)
        keys: dict[int, bytes] = {}
        if settings.vault.key_file is not None or _is_there(path):
            keys = _parse(path, read_private_bytes(path, shared=_in_credentials(path, environ)))
        text = environ.get(KEY_VARIABLE)
        if text:
            key = _decoded(text.strip())
            if key is None:
                raise InvalidInput(
                    _CODE, f"{KEY_VARIABLE} must be 32 bytes as hexadecimal, base64 or base64url"
                )
            if keys.setdefault(1, key) != key:
                raise InvalidInput(_CODE, f"{KEY_VARIABLE} is not key 1 of {path}; keep one of the two")
        if not keys:
            raise InvalidInput(_CODE, f"there is no master key at {path}; make one with `wispbill keys new`")
        return cls(keys)

    @classmethod
    def generate(cls, entropy: Entropy) -> MasterKeys:
        """A first key, of id 1."""
        return cls({1: entropy.bytes(KEY_BYTES)})

    def add_key(self, entropy: Entropy) -> MasterKeys:
        """These and a new key under the next id, which is thereby the newest."""
        return MasterKeys({**self._keys, self.newest + 1: entropy.bytes(KEY_BYTES)})

    def without(self, key_id: int) -> MasterKeys:
        """These but one; raises InvalidInput where none would be left."""
        return MasterKeys({known: key for known, key in self._keys.items() if known != key_id})

    def write(self, path: Path) -> None:
        """The key file, replaced as a whole, for its owner's eyes only; raises InvalidInput."""
        lines = [f"{key_id}:{base64.b64encode(key).decode()}\n" for key_id, key in self._keys.items()]
        write_private(path, "".join(lines).encode())

    @property
    def newest(self) -> int:
        return max(self._keys)

    def __getitem__(self, key_id: int) -> bytes:
        return self._keys[key_id]

    def __iter__(self) -> Iterator[int]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"MasterKeys(ids={list(self._keys)})"


def key_path(settings: Settings, environ: Mapping[str, str]) -> Path:
    """Where the key file is looked for: `[vault] key_file`, else systemd's credential `master.key`, else
    `master.key` in the state folder or, where only that one is there, in /etc/wispbill."""
    if settings.vault.key_file is not None:
        return settings.vault.key_file
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    if credentials and _is_there(Path(credentials) / KEY_FILE):
        return Path(credentials) / KEY_FILE
    own = settings.daemon.state_dir / KEY_FILE
    return SYSTEM_KEY if not _is_there(own) and _is_there(SYSTEM_KEY) else own


def _is_there(path: Path) -> bool:
    """Also where we may not look: reading it then says why."""
    try:
        return path.exists()
    except PermissionError:
        return True


def _in_credentials(path: Path, environ: Mapping[str, str]) -> bool:
    """systemd alone decides who can read there, and may show group bits for its access list."""
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    return bool(credentials) and path.resolve().is_relative_to(Path(str(credentials)).resolve())


def _parse(path: Path, content: bytes) -> dict[int, bytes]:
    if len(content) == KEY_BYTES:
        return {1: content}
    text = content.decode("ascii", "replace").strip()
    alone = _decoded(text)
    if alone is not None:
        return {1: alone}
    keys: dict[int, bytes] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        key = _decoded(match[2]) if match else None
        if match is None or key is None or int(match[1]) in keys:
            raise InvalidInput(
                _CODE, f"{path}, line {number}: must be id:key, the key 32 bytes in base64, each id once"
            )
        keys[int(match[1])] = key
    return keys


def _decoded(text: str) -> bytes | None:
    """32 bytes from hexadecimal, base64 or base64url (padded or not); None where it is neither."""
    if re.fullmatch(r"[0-9A-Fa-f]{64}", text):
        return bytes.fromhex(text)
    if not re.fullmatch(r"[A-Za-z0-9+/_-]{43}=?", text):
        return None
    try:
        key = base64.b64decode(text[:43].translate(str.maketrans("-_", "+/")) + "=", validate=True)
    except binascii.Error:
        return None
    return key if len(key) == KEY_BYTES else None
