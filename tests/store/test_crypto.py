"""Encryption and lookup hashes."""

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.errors import StoreKeyError
from gateway.store.crypto import Vault

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


def test_a_key_is_named_by_digits_that_depend_on_it_and_on_the_lookup_key() -> None:
    names = {*Vault([OLD, NEW], "lookup").fingerprints, *Vault([OLD, NEW], "another").fingerprints}
    assert len(names) == 4
    assert {len(name) for name in names} == {8}
    assert not any(name in OLD + NEW for name in names)


def test_a_key_written_another_way_has_the_same_name() -> None:
    key = Fernet.generate_key().decode()
    assert (
        Vault([key.translate(str.maketrans("-_", "+/"))], "lookup").fingerprints == Vault([key], "lookup").fingerprints
    )


def test_it_is_known_under_which_key_something_lies() -> None:
    vault = Vault([NEW, OLD], "lookup")
    new, old = vault.fingerprints
    assert vault.owner_of(vault.encrypt(b"text")) == new
    assert vault.owner_of(Vault([OLD], "lookup").encrypt(b"text")) == old
    assert vault.owner_of(Vault([Fernet.generate_key().decode()], "lookup").encrypt(b"text")) is None
    assert vault.owner_of(b"text") is None


def test_adopted_keys_are_used_at_once() -> None:
    vault = Vault([OLD], "lookup")
    old = vault.encrypt(b"old")
    vault.adopt([NEW, OLD])
    assert vault.fingerprints == Vault([NEW, OLD], "lookup").fingerprints
    assert vault.decrypt(old) == b"old"
    assert Vault([NEW], "lookup").decrypt(vault.encrypt(b"new")) == b"new"


@pytest.mark.parametrize(
    ("keys", "words"), [([NEW], "everything is written, is not among"), ([], "32 bytes"), ([OLD, "hush"], "32 bytes")]
)
def test_keys_that_would_lose_something_are_not_adopted(keys: list[str], words: str) -> None:
    vault = Vault([OLD], "lookup")
    with pytest.raises(StoreKeyError, match=words) as caught:
        vault.adopt(keys)
    assert "hush" not in str(caught.value)
    assert vault.fingerprints == Vault([OLD], "lookup").fingerprints
    assert Vault([OLD], "lookup").decrypt(vault.encrypt(b"text")) == b"text"


def test_a_vault_shows_nothing() -> None:
    vault = Vault([OLD], "lookup")
    assert repr(vault) == str(vault) == f"{vault}" == "Vault(***)"
