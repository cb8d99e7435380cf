"""The vault: master keys, sealing bound to a row, secret files. Nothing here touches the database."""

from daemon.vault.keys import KEY_FILE, KEY_VARIABLE, MasterKeys, key_path
from daemon.vault.private import read_private, write_private
from daemon.vault.sealing import Vault

__all__ = ["KEY_FILE", "KEY_VARIABLE", "MasterKeys", "Vault", "key_path", "read_private", "write_private"]
