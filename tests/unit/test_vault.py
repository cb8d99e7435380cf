"""The vault: a sealed secret opens in its own row under its own key, and nowhere else."""

from __future__ import annotations

import base64
import os
import threading

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import assume, given
from hypothesis import strategies as st

from daemon.clock import SystemEntropy
from daemon.errors import InvalidInput, VaultError
from daemon.settings import load
from daemon.vault import KEY_VARIABLE, MasterKeys, Vault, key_path, read_private

ONE, TWO = bytes(range(32)), bytes(range(32, 64))
PLACE = {
    "tenant": "wbt_1",
    "provider": "stripe",
    "account": "acct_1",
    "record": "wbn_1",
    "field": "credentials",
}
CANARY = "canary7f3a9c"

names = st.text(max_size=40)
places = st.fixed_dictionaries(dict.fromkeys(PLACE, names))


class Counted:
    """Nonces that count up, so that a test can tell which one was used."""

    def __init__(self) -> None:
        self.drawn = 0

    def bytes(self, count: int) -> bytes:
        self.drawn += 1
        return self.drawn.to_bytes(count, "big")

    def fraction(self) -> float:
        return 0.0


def a_vault(keys: dict[int, bytes] | None = None, active_id: int | None = None) -> Vault:
    return Vault(MasterKeys(keys or {1: ONE}), SystemEntropy(), active_id)


# --- sealing ------------------------------------------------------------------------------------------


@given(plaintext=st.binary(max_size=300), place=places)
def test_what_was_sealed_opens_in_its_place(plaintext, place):
    vault = a_vault()

    assert vault.open(vault.seal(plaintext, **place), **place) == plaintext


@given(plaintext=st.binary(max_size=60), place=places, other=places)
def test_a_blob_moved_to_another_place_does_not_open(plaintext, place, other):
    assume(place != other)
    vault = a_vault()
    blob = vault.seal(plaintext, **place)

    with pytest.raises(VaultError):
        vault.open(blob, **other)


@pytest.mark.parametrize("part", PLACE)
def test_each_part_of_the_place_counts(part):
    vault = a_vault()
    blob = vault.seal(b"secret", **PLACE)

    with pytest.raises(VaultError):
        vault.open(blob, **PLACE | {part: PLACE[part] + "x"})


def test_letters_cannot_slide_from_one_name_into_the_next():
    vault = a_vault()
    blob = vault.seal(b"secret", **PLACE | {"account": "ab", "record": "c"})

    with pytest.raises(VaultError):
        vault.open(blob, **PLACE | {"account": "a", "record": "bc"})


@given(data=st.data(), plaintext=st.binary(max_size=60))
def test_a_blob_with_any_bit_flipped_does_not_open(data, plaintext):
    vault = a_vault({1: ONE, 3: TWO})
    blob = bytearray(vault.seal(plaintext, **PLACE))
    bit = data.draw(st.integers(0, len(blob) * 8 - 1))
    blob[bit // 8] ^= 1 << bit % 8

    with pytest.raises(VaultError):
        vault.open(bytes(blob), **PLACE)


@given(data=st.data())
def test_a_blob_that_was_cut_or_made_up_does_not_open(data):
    vault = a_vault()
    blob = vault.seal(b"secret", **PLACE)
    cut = blob[: data.draw(st.integers(0, len(blob) - 1))]

    for wrong in (cut, data.draw(st.binary(max_size=80))):
        with pytest.raises(VaultError):
            vault.open(wrong, **PLACE)


@given(key=st.binary(min_size=32, max_size=32))
def test_another_key_under_the_same_id_does_not_open_it(key):
    assume(key != ONE)
    with pytest.raises(VaultError):
        a_vault({1: key}).open(a_vault().seal(b"secret", **PLACE), **PLACE)


def test_the_blob_is_laid_out_as_documented():
    vault = Vault(MasterKeys({7: ONE}), Counted())
    blob = vault.seal(b"secret", **PLACE)

    head = b"WB\x01\x00\x00\x00\x07"
    nonce = (1).to_bytes(12, "big")
    info = b"wispbill/cred/1|wbt_1"
    subkey = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(ONE)
    bound = head + b"".join(len(v.encode()).to_bytes(2, "big") + v.encode() for v in PLACE.values())
    assert blob == head + nonce + AESGCM(subkey).encrypt(nonce, b"secret", bound)


def test_each_sealing_draws_its_own_nonce():
    vault = Vault(MasterKeys({1: ONE}), Counted())

    assert [vault.seal(b"x", **PLACE)[18] for _ in range(3)] == [1, 2, 3]


def test_a_rotation_seals_under_the_new_key_and_opens_the_old():
    old = a_vault({1: ONE}).seal(b"secret", **PLACE)
    both = a_vault({1: ONE, 2: TWO})
    new = both.seal(both.open(old, **PLACE), **PLACE)

    assert (both.key_id(old), both.key_id(new), both.active_id) == (1, 2, 2)
    assert a_vault({2: TWO}).open(new, **PLACE) == b"secret"
    with pytest.raises(VaultError, match="master key 1, which is not at hand"):
        a_vault({2: TWO}).open(old, **PLACE)


def test_the_key_that_seals_can_be_chosen_among_those_at_hand():
    vault = a_vault({1: ONE, 2: TWO}, active_id=1)
    assert vault.key_id(vault.seal(b"x", **PLACE)) == 1

    vault.activate(2)
    assert vault.key_id(vault.seal(b"x", **PLACE)) == 2
    with pytest.raises(InvalidInput, match="master key 3 is not among the keys at hand"):
        vault.activate(3)


def test_a_check_value_recognises_its_key_and_reveals_nothing_of_it():
    checks = {a_vault({1: ONE}).check_value(1), a_vault({1: TWO}).check_value(1)}

    assert len(checks) == 2
    assert a_vault({1: ONE}).check_value(1) == a_vault({9: ONE}).check_value(9)
    assert not any(ONE.hex()[i : i + 8] in check for check in checks for i in range(0, 64, 8))


def test_no_repr_shows_a_key():
    key = CANARY.encode().ljust(32, b"x")
    keys = MasterKeys({1: key, 12: ONE})
    vault = Vault(keys, SystemEntropy())

    assert repr(keys) == "MasterKeys(ids=[1, 12])"
    assert repr(vault) == "Vault(ids=[1, 12], active_id=12)"
    assert CANARY not in str(keys) + str(vault) + f"{keys}{vault}"


def test_threads_seal_and_open_at_the_same_time():
    vault, failed = a_vault(), []

    def work(number: int) -> None:
        place = PLACE | {"tenant": f"wbt_{number % 3}"}
        for _ in range(50):
            if vault.open(vault.seal(b"x", **place), **place) != b"x":
                failed.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


# --- key files ----------------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path):
    return load(None, {"WISPBILL_DAEMON__STATE_DIR": str(tmp_path)})


@pytest.fixture
def key_file(tmp_path):
    def write(content: bytes | str, mode: int = 0o600):
        path = tmp_path / "master.key"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return path

    return write


FORMS = {
    "raw": ONE,
    "hexadecimal": ONE.hex() + "\n",
    "base64": base64.b64encode(ONE) + b"\n",
    "base64url without padding": base64.urlsafe_b64encode(ONE).rstrip(b"="),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_key_alone_in_its_file_is_key_1(settings, key_file, form):
    key_file(FORMS[form])

    assert dict(MasterKeys.load(settings, {})) == {1: ONE}


def test_a_key_file_holds_a_line_for_each_key(settings, key_file):
    key_file(f"# master keys\n2:{base64.b64encode(TWO).decode()}\n1: {base64.b64encode(ONE).decode()}\n\n")

    assert dict(MasterKeys.load(settings, {})) == {1: ONE, 2: TWO}


@pytest.mark.parametrize(
    "content",
    [
        f"{CANARY}\n",
        f"1:{CANARY}\n",
        f"0:{base64.b64encode(ONE).decode()}\n",
        f"1:{base64.b64encode(ONE).decode()}\n1:{base64.b64encode(TWO).decode()}\n",
        f"1:{base64.b64encode(ONE[:31]).decode()}\n",
        ONE + TWO,
    ],
)
def test_a_malformed_key_file_is_refused_by_line_and_never_quoted(settings, key_file, content):
    path = key_file(content)

    with pytest.raises(InvalidInput, match=rf"{path}, line [12]: must be id:key") as caught:
        MasterKeys.load(settings, {})
    assert caught.value.code == "WB-VAULT-KEY"
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n# nothing\n"])
def test_no_key_at_all_says_how_to_make_one(settings, key_file, content):
    for when in ("no file", "an empty one"):
        if when == "an empty one":
            key_file(content)
        with pytest.raises(InvalidInput, match=r"there is no master key at .*wispbill keys new") as caught:
            MasterKeys.load(settings, {})
        assert caught.value.code == "WB-VAULT-KEY"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_a_key_file_that_others_can_read_is_refused(settings, key_file, mode):
    path = key_file(ONE, mode)

    with pytest.raises(InvalidInput, match=f"chmod 600 {path}") as caught:
        MasterKeys.load(settings, {})
    assert caught.value.code == "WB-SECRET-FILE"


def test_a_systemd_credential_is_trusted_whatever_its_mode_and_goes_first(settings, key_file, tmp_path):
    key_file(ONE)
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "master.key").write_bytes(TWO)
    (credentials / "master.key").chmod(0o440)

    environ = {"CREDENTIALS_DIRECTORY": str(credentials)}
    assert dict(MasterKeys.load(settings, environ)) == {1: TWO}
    assert key_path(settings, {"CREDENTIALS_DIRECTORY": str(tmp_path / "empty")}) == tmp_path / "master.key"


def test_a_named_key_file_must_be_there(tmp_path):
    named = load(None, {"WISPBILL_VAULT__KEY_FILE": str(tmp_path / "other.key")})

    assert key_path(named, {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == tmp_path / "other.key"
    with pytest.raises(InvalidInput, match=r"other\.key cannot be read: No such file"):
        MasterKeys.load(named, {})


@pytest.mark.parametrize("form", [f for f in FORMS if f != "raw"])
def test_the_environments_key_is_honoured_as_key_1(settings, form):
    value = FORMS[form]
    text = value if isinstance(value, str) else value.decode()

    assert dict(MasterKeys.load(settings, {KEY_VARIABLE: text})) == {1: ONE}


def test_the_environments_key_stands_beside_the_files(settings, key_file):
    key_file(f"2:{base64.b64encode(TWO).decode()}\n")
    assert dict(MasterKeys.load(settings, {KEY_VARIABLE: ONE.hex()})) == {1: ONE, 2: TWO}

    key_file(ONE)
    assert dict(MasterKeys.load(settings, {KEY_VARIABLE: ONE.hex()})) == {1: ONE}
    with pytest.raises(InvalidInput, match=r"is not key 1 of .*keep one of the two"):
        MasterKeys.load(settings, {KEY_VARIABLE: TWO.hex()})


@pytest.mark.parametrize("text", [CANARY, ONE.hex()[:-2], base64.b64encode(ONE[:30]).decode(), "é" * 43])
def test_a_key_in_the_environment_that_is_no_key_is_refused_unseen(settings, text):
    with pytest.raises(InvalidInput, match=f"{KEY_VARIABLE} must be 32 bytes") as caught:
        MasterKeys.load(settings, {KEY_VARIABLE: text})
    assert text not in str(caught.value)


def test_a_new_key_file_is_for_its_owner_only_and_reads_back(settings, tmp_path):
    old_mask = os.umask(0)
    try:
        keys = MasterKeys.generate(SystemEntropy()).add_key(SystemEntropy())
        keys.write(tmp_path / "master.key")
    finally:
        os.umask(old_mask)

    assert (tmp_path / "master.key").stat().st_mode & 0o777 == 0o600
    assert dict(MasterKeys.load(settings, {})) == dict(keys)
    assert (list(keys), keys.newest) == ([1, 2], 2)
    assert [path.name for path in tmp_path.iterdir()] == ["master.key"]


def test_a_key_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "master.key"
    first = MasterKeys({1: ONE})
    first.write(path)
    (tmp_path / ".master.key.new").write_text("left by a crash")

    first.add_key(SystemEntropy()).write(path)
    assert path.read_text().startswith(f"1:{base64.b64encode(ONE).decode()}\n2:")
    with pytest.raises(InvalidInput, match="cannot be written"):
        first.write(tmp_path / "none" / "master.key")


def test_the_last_key_cannot_be_dropped():
    assert dict(MasterKeys({1: ONE, 2: TWO}).without(1)) == {2: TWO}
    with pytest.raises(InvalidInput, match="there is no master key"):
        MasterKeys({1: ONE}).without(1)


@pytest.mark.parametrize("keys", [{0: ONE}, {2**32: ONE}, {1: ONE[:31]}])
def test_a_key_of_the_wrong_length_or_id_is_refused(keys):
    with pytest.raises(InvalidInput):
        MasterKeys(keys)


# --- secret files -------------------------------------------------------------------------------------


def test_a_private_file_is_read_without_its_line_end(tmp_path):
    path = tmp_path / "secret"
    path.write_text(f"{CANARY}\n")
    path.chmod(0o400)

    secret = read_private(path)
    assert secret.get_secret_value() == CANARY
    assert CANARY not in repr(secret)


def test_what_is_not_a_private_file_of_text_is_refused(tmp_path):
    open_to_all, large, binary, pipe = (tmp_path / name for name in ("open", "large", "binary", "pipe"))
    open_to_all.write_text(CANARY)
    open_to_all.chmod(0o644)
    large.write_bytes(b"x" * (64 * 1024 + 1))
    binary.write_bytes(b"\xff" + CANARY.encode())
    os.mkfifo(pipe)
    for path in (large, binary, pipe):
        path.chmod(0o600)

    said = {
        open_to_all: f"can be read by others (mode 0644): chmod 600 {open_to_all}",
        large: "is larger than 64 KiB; it cannot be a secret",
        binary: "is not text in UTF-8",
        pipe: "is not a regular file",
        tmp_path: "is not a regular file",
        tmp_path / "none": "cannot be read: No such file or directory",
    }
    for path, sentence in said.items():
        with pytest.raises(InvalidInput) as caught:
            read_private(path)
        assert (caught.value.code, caught.value.message) == ("WB-SECRET-FILE", f"{path} {sentence}")


def test_a_link_to_a_file_that_others_can_read_is_refused(tmp_path):
    (tmp_path / "open").write_text(CANARY)
    (tmp_path / "open").chmod(0o644)
    (tmp_path / "link").symlink_to(tmp_path / "open")

    with pytest.raises(InvalidInput, match="can be read by others"):
        read_private(tmp_path / "link")
