"""Encryption, lookup hashes and key files."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.errors import StoreKeyError
from gateway.store.crypto import Vault
from gateway.store.local_keys import local_vault

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


@given(st.binary())
def test_what_is_encrypted_can_be_decrypted(content: bytes) -> None:
    vault = Vault([OLD], "lookup")
    assert vault.decrypt(vault.encrypt(content)) == content


def test_what_is_encrypted_cannot_be_read() -> None:
    vault = Vault([OLD], "lookup")
    assert b"apple-key-text" not in vault.encrypt(b"apple-key-text")
    assert vault.encrypt(b"apple-key-text") != vault.encrypt(b"apple-key-text")


def test_after_rotation_the_old_key_still_decrypts_and_the_new_one_encrypts() -> None:
    rotated = Vault([NEW, OLD], "lookup")
    assert rotated.decrypt(Vault([OLD], "lookup").encrypt(b"text")) == b"text"
    assert Vault([NEW], "lookup").decrypt(rotated.encrypt(b"text")) == b"text"
    with pytest.raises(StoreKeyError, match="other encryption keys"):
        Vault([OLD], "lookup").decrypt(rotated.encrypt(b"text"))


@pytest.mark.parametrize("content", [b"", b"text", b"\xff" * 200])
def test_what_is_not_encrypted_under_these_keys_is_refused(content: bytes) -> None:
    with pytest.raises(StoreKeyError, match="other encryption keys"):
        Vault([OLD], "lookup").decrypt(content)


@pytest.mark.parametrize("keys", [[], [""], ["short"], [OLD, "short"], ["ключ"], ["=" * 44]])
def test_keys_that_are_none_are_refused_with_a_way_to_make_one(keys: list[str]) -> None:
    with pytest.raises(StoreKeyError, match="not 32 bytes in base64; make one with `python3 -c") as caught:
        Vault(keys, "lookup")
    assert caught.value.exit_code == 2


def test_a_refused_key_is_not_quoted() -> None:
    with pytest.raises(StoreKeyError) as caught:
        Vault(["hush-hush"], "lookup")
    assert "hush-hush" not in str(caught.value)


def test_the_lookup_hash_is_the_same_after_rotation() -> None:
    before = Vault([OLD], "lookup").lookup_hash("workspace", "value")
    assert Vault([NEW, OLD], "lookup").lookup_hash("workspace", "value") == before
    assert Vault([NEW], "lookup").lookup_hash("workspace", "value") == before


def test_the_lookup_hash_depends_on_purpose_value_and_key() -> None:
    vault = Vault([OLD], "lookup")
    hashes = [
        vault.lookup_hash("workspace", "value"),
        vault.lookup_hash("token", "value"),
        vault.lookup_hash("workspace", "other"),
        vault.lookup_hash("workspacev", "alue"),
        Vault([OLD], "another").lookup_hash("workspace", "value"),
    ]
    assert len(set(hashes)) == 5
    assert not any("value" in one for one in hashes)


def test_a_seal_proves_both_keys() -> None:
    seal = Vault([OLD], "lookup").seal()
    Vault([OLD], "lookup").verify(seal)
    Vault([NEW, OLD], "lookup").verify(seal)
    with pytest.raises(StoreKeyError, match="other encryption keys"):
        Vault([NEW], "lookup").verify(seal)
    with pytest.raises(StoreKeyError, match="another lookup key"):
        Vault([OLD], "another").verify(seal)


def test_a_vault_shows_nothing() -> None:
    vault = Vault([OLD], "lookup")
    assert repr(vault) == str(vault) == f"{vault}" == "Vault(***)"


def test_key_files_are_made_once_for_their_owner_only(tmp_path: Path) -> None:
    seal = local_vault(tmp_path, may_make=True).seal()
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert set(made) == {"encryption.keys", "lookup.key"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    local_vault(tmp_path, may_make=True).verify(seal)
    local_vault(tmp_path, may_make=False).verify(seal)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == made


def test_a_key_put_before_the_present_one_rotates_it(tmp_path: Path) -> None:
    seal = local_vault(tmp_path, may_make=True).seal()
    file = tmp_path / "encryption.keys"
    file.write_text(f"{NEW}\n{file.read_text()}\n")
    rotated = local_vault(tmp_path, may_make=False)
    rotated.verify(seal)
    assert Vault([NEW], "").decrypt(rotated.encrypt(b"text")) == b"text"


def test_a_missing_key_file_is_named_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreKeyError, match=r"encryption\.keys is missing"):
        local_vault(tmp_path, may_make=False)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_key_file_is_refused(tmp_path: Path) -> None:
    local_vault(tmp_path, may_make=True)
    (tmp_path / "encryption.keys").write_bytes(b"\xff\xfe\x00 hush")
    with pytest.raises(StoreKeyError, match=r"encryption\.keys is damaged") as caught:
        local_vault(tmp_path, may_make=False)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("attempt", range(10))
def test_two_that_make_key_files_at_once_get_the_same_keys(tmp_path: Path, attempt: int) -> None:
    barrier = Barrier(2)

    def open_vault(_: int) -> Vault:
        barrier.wait()
        return local_vault(tmp_path, may_make=True)

    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(open_vault, range(2))
    one.verify(other.seal())
    other.verify(one.seal())
    assert {path.name for path in tmp_path.iterdir()} == {"encryption.keys", "lookup.key"}
