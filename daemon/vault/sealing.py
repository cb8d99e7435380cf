"""Sealing: AES-256-GCM under a key of the tenant's own, bound to one field of one row.

A blob is `WB`, version 1, the master key's id (u32, big-endian), a nonce of 12 bytes, then ciphertext and
tag. What it is bound to is authenticated with it, so that a blob moved to another row does not open.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from daemon.clock import Entropy
from daemon.errors import InvalidInput, KeyAbsent, VaultError
from daemon.vault.keys import MasterKeys

_HEAD = struct.Struct(">2sBI")
_MAGIC, _VERSION = b"WB", 1
_NONCE, _TAG = 12, 16


class Vault:
    """Seals under the active master key and opens under whichever sealed it. Safe between threads."""

    def __init__(self, keys: MasterKeys, entropy: Entropy, active_id: int | None = None) -> None:
        """`active_id`: the key that seals, by default the newest. Raises InvalidInput where it is unknown."""
        self._keys = keys
        self._entropy = entropy
        self._ciphers: dict[tuple[int, str], AESGCM] = {}
        self.activate(keys.newest if active_id is None else active_id)

    def activate(self, key_id: int) -> None:
        """Seal under this key from now on; raises InvalidInput where it is unknown."""
        if not self.has(key_id):
            raise InvalidInput("WB-VAULT-KEY", f"master key {key_id} is not among the keys at hand")
        self.active_id = key_id

    def learn(self, keys: MasterKeys, checks: Mapping[int, str]) -> None:
        """Have these keys at hand from now on. `checks` are the check values of the known ones: raises
        VaultError where a key is another one, or the active one is missing; then nothing changed."""
        if self.active_id not in keys:
            raise VaultError(f"master key {self.active_id} is missing, and it is the one that seals")
        trial = Vault(keys, self._entropy)
        for key_id in keys:
            if checks.get(key_id, "") not in ("", trial.check_value(key_id)):
                raise VaultError(f"master key {key_id} is not the one that this database was sealed with")
        self._keys = keys

    def has(self, key_id: int) -> bool:
        return key_id in self._keys

    def key_ids(self) -> list[int]:
        return list(self._keys)

    def seal(
        self, plaintext: bytes, *, tenant: str, provider: str, account: str, record: str, field: str
    ) -> bytes:
        """The blob; different each time, even for the same plaintext."""
        head = _HEAD.pack(_MAGIC, _VERSION, self.active_id)
        nonce = self._entropy.bytes(_NONCE)
        bound = head + _place(tenant, provider, account, record, field)
        return head + nonce + self._cipher(self.active_id, tenant).encrypt(nonce, plaintext, bound)

    def open(
        self, blob: bytes, *, tenant: str, provider: str, account: str, record: str, field: str
    ) -> bytes:
        """The plaintext; raises VaultError where the blob was altered, moved, or sealed under a key that
        is not at hand."""
        key_id = self.key_id(blob)
        if not self.has(key_id):
            raise KeyAbsent(f"this secret is sealed under master key {key_id}, which is not at hand")
        head, rest = blob[: _HEAD.size], blob[_HEAD.size :]
        bound = head + _place(tenant, provider, account, record, field)
        try:
            return self._cipher(key_id, tenant).decrypt(rest[:_NONCE], rest[_NONCE:], bound)
        except InvalidTag:
            raise VaultError from None

    def key_id(self, blob: bytes) -> int:
        """The id of the master key that it was sealed under; raises VaultError where it is no blob."""
        if len(blob) < _HEAD.size + _NONCE + _TAG:
            raise VaultError
        magic, version, key_id = _HEAD.unpack_from(blob)
        if (magic, version) != (_MAGIC, _VERSION):
            raise VaultError
        return int(key_id)

    def check_value(self, key_id: int) -> str:
        """32 hexadecimal digits that recognise the key and reveal nothing of it, kept in the database.
        Raises KeyError."""
        return _derived(self._keys[key_id], b"wispbill/check/1", 16).hex()

    def derive(self, purpose: bytes) -> bytes:
        """32 bytes under the active key for another purpose, such as signing a line of the log."""
        return _derived(self._keys[self.active_id], purpose, 32)

    def _cipher(self, key_id: int, tenant: str) -> AESGCM:
        """A tenant's own key, so that no nonce of one tenant counts for another."""
        found = self._ciphers.get((key_id, tenant))
        if found is None:
            subkey = _derived(self._keys[key_id], b"wispbill/cred/1|" + tenant.encode(), 32)
            found = self._ciphers[key_id, tenant] = AESGCM(subkey)
        return found

    def __repr__(self) -> str:
        return f"Vault(ids={self.key_ids()}, active_id={self.active_id})"


def _derived(master: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(master)


def _place(*names: str) -> bytes:
    """Each name with its length before it, so that no two places read the same."""
    encoded = [name.encode() for name in names]
    return b"".join(struct.pack(">H", len(name)) + name for name in encoded)
