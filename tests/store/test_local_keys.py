"""The key files beside an embedded store: made once, adopted while in use, rotated in steps that can be interrupted."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from cryptography.fernet import Fernet

from gateway.model.errors import RotationError, StoreKeyError
from gateway.store.crypto import Vault
from gateway.store.local_keys import KeyFiles, local_vault

NEW = Fernet.generate_key().decode()


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return local_vault(tmp_path, may_make=True)


@pytest.fixture
def files(tmp_path: Path, vault: Vault) -> KeyFiles:
    return KeyFiles(tmp_path, vault)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


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


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("encryption.keys", "hush", "a line in it is no key"),
        ("encryption.keys", "", "a line in it is no key"),
        ("lookup.key", "\n", "it is empty"),
    ],
)
def test_a_key_file_without_keys_is_called_damaged_and_nobody_is_told_to_make_new_ones(
    tmp_path: Path, vault: Vault, name: str, content: str, words: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(StoreKeyError, match=f"{name} is damaged: {words}; put it back from your backup") as caught:
        local_vault(tmp_path, may_make=False)
    assert "hush" not in str(caught.value)


def test_a_vault_in_use_goes_by_what_the_file_says_now(vault: Vault, files: KeyFiles) -> None:
    assert not files.refresh()
    files.path.write_text(f"{NEW}\n{files.path.read_text()}")
    assert files.refresh()
    assert vault.fingerprints[0] == vault.fingerprint(NEW)
    assert not files.refresh()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "32 bytes in base64"),
        (b"hush", "32 bytes in base64"),
        (b"\xff", "is damaged: it holds no text"),
        pytest.param(
            NEW.encode(), "under which everything is written, is not among them; put it back", id="another key"
        ),
        (None, "is missing"),
    ],
)
def test_a_file_that_became_useless_is_named_and_the_vault_stays_as_it_was(
    vault: Vault, files: KeyFiles, content: bytes | None, words: str
) -> None:
    before, blob = vault.fingerprints, vault.encrypt(b"text")
    files.path.unlink() if content is None else files.path.write_bytes(content)
    with pytest.raises(StoreKeyError, match=f"encryption.keys.*{words}") as caught:
        files.refresh()
    assert "hush" not in str(caught.value)
    assert NEW not in str(caught.value)
    assert (vault.fingerprints, vault.decrypt(blob)) == (before, b"text")


def test_a_new_key_comes_behind_the_others_and_then_before_them(tmp_path: Path, vault: Vault, files: KeyFiles) -> None:
    (old,) = vault.fingerprints
    new = files.add()
    assert vault.fingerprints == (old, new)
    assert files.underway() == new
    files.promote(new)
    assert vault.fingerprints == local_vault(tmp_path, may_make=False).fingerprints == (new, old)
    assert files.underway() == new
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    files.finish()
    assert files.underway() is None
    assert names(tmp_path) == {"encryption.keys", "lookup.key"}


def test_the_other_keys_keep_their_order(vault: Vault, files: KeyFiles) -> None:
    for _ in range(3):
        before = vault.fingerprints
        new = files.add()
        assert vault.fingerprints == (*before, new)
        files.promote(new)
        files.promote(new)
        assert vault.fingerprints == (new, *before)


def test_a_rotation_that_broke_off_before_the_key_was_written_begins_anew(
    tmp_path: Path, vault: Vault, files: KeyFiles
) -> None:
    (tmp_path / "encryption.next").write_text("01234567\n")
    assert files.underway() is None
    new = files.add()
    assert files.underway() == new


def test_of_two_rotations_at_once_the_second_is_refused(files: KeyFiles) -> None:
    with files.lock(), pytest.raises(RotationError, match="another command rotates the keys"):
        files.lock()
    files.lock().close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_when_root_rotates_the_file_stays_its_owners(tmp_path: Path, files: KeyFiles) -> None:
    os.chown(files.path, 12, 34)
    files.promote(files.add())
    assert (files.path.stat().st_uid, files.path.stat().st_gid) == (12, 34)


def test_a_linked_key_file_is_replaced_where_it_lies(tmp_path: Path, files: KeyFiles) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    files.path.rename(elsewhere / "keys")
    files.path.symlink_to(elsewhere / "keys")
    files.add()
    assert files.path.is_symlink()
    assert len((elsewhere / "keys").read_text().split()) == 2
