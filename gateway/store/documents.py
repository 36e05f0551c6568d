"""Apps and workspaces as every adapter keeps them: JSON with a version, encrypted where it holds credentials."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec
import structlog

from gateway.model.app import App
from gateway.model.errors import Changed, NameTaken, StoreError
from gateway.model.workspace import Workspace
from gateway.store.crypto import Vault

Document = App | Workspace
DocumentT = TypeVar("DocumentT", App, Workspace)
T = TypeVar("T")
FoundT = TypeVar("FoundT")

log = structlog.stdlib.get_logger("gateway.store")


def written(thing: Document, vault: Vault) -> bytes:
    """Return the document of an app, which is encrypted, or of a workspace, which holds only hashes."""
    text = msgspec.json.encode(thing)
    return vault.encrypt(text) if isinstance(thing, App) else text


def read(document: bytes, kind: type[T], vault: Vault) -> T:
    """Read what `written` made.

    Raises:
        StoreError: it is damaged.
        StoreKeyError: it was written under other keys.
    """
    try:
        return msgspec.json.decode(vault.decrypt(document) if kind is App else document, type=kind)
    except msgspec.DecodeError as error:
        raise damaged(error) from None


def converted(found: object, kind: type[T]) -> T:
    """Read a document that was kept field by field.

    Raises:
        StoreError: it is damaged.
    """
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        raise damaged(error) from None


def readable(
    found: Iterable[tuple[str, FoundT]], read_one: Callable[[FoundT], T], event: str
) -> tuple[list[T], list[str]]:
    """Read what can be read of things with their ids; return it, and the ids of the rest, each logged as `event`."""
    things, lost = [], []
    for key, one in found:
        try:
            things.append(read_one(one))
        except StoreError as error:
            log.error(event, id=key, error=str(error))
            lost.append(key)
    return things, lost


def damaged(error: Exception) -> StoreError:
    """Say that what was found is not what was written."""
    return StoreError(f"a document in the store is damaged: {error}; put the store back from your backup")


def advanced(thing: DocumentT) -> DocumentT:
    """Return the next version."""
    return msgspec.structs.replace(thing, version=thing.version + 1)


def changed(thing: Document) -> Changed:
    """Say that somebody was faster."""
    return Changed(f"{thing.name!r} was changed by somebody else at the same moment; try again")


def name_taken(thing: Document) -> NameTaken:
    """Say that another one has the name."""
    return NameTaken(f"the name {thing.name!r} is taken; choose another")
