"""The schema of a store has a number; each adapter has a list of migrations that lead from each to the next."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import msgspec

from gateway.model.errors import StoreError

RunT = TypeVar("RunT", bound=Callable[..., object])


class Migration(msgspec.Struct, Generic[RunT], frozen=True):
    """One step of the schema: what it does, as the operator reads it, and the function that does it.

    Where the adapter has no transaction around it, a migration that was interrupted is run again from its beginning.
    """

    does: str
    run: RunT


def newest(migrations: Sequence[Migration[RunT]]) -> int:
    """Return the number of the schema that this program writes: 1, and one more for every migration."""
    return 1 + len(migrations)


def pending(found: int, migrations: Sequence[Migration[RunT]]) -> Sequence[Migration[RunT]]:
    """Return the migrations that a store of schema `found` still needs.

    Raises:
        StoreError: it is a newer program's.
    """
    if found > newest(migrations):
        raise StoreError(f"the store has schema {found}, this program knows {newest(migrations)}; run a newer one")
    return migrations[found - 1 :]


def check_schema(found: int, migrations: Sequence[Migration[RunT]]) -> None:
    """Check that a store can be used as it is.

    Raises:
        StoreError: it is a newer program's, or needs migrations first.
    """
    if pending(found, migrations):
        raise StoreError(
            f"the store has schema {found}, this program needs {newest(migrations)}; "
            "stop every gateway, make a backup and run `push-gateway store migrate`"
        )
