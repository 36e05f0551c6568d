"""Everything runs in processes of its own; the tests' event loop only watches them and may block."""

import os
import random
import secrets

import pytest


@pytest.fixture(autouse=True)
def blockbuster() -> None:
    """Let these tests look at files."""


@pytest.fixture
def chance() -> random.Random:
    """Chance by a seed that is printed with a failure; CRASH_SEED sets it."""
    seed = int(os.environ.get("CRASH_SEED") or secrets.randbelow(1_000_000))
    print(f"CRASH_SEED={seed}")  # noqa: T201
    return random.Random(seed)  # noqa: S311 - no secret


@pytest.fixture
def rate() -> float:
    """Pushes a second; CRASH_RATE sets it."""
    return float(os.environ.get("CRASH_RATE", "500"))
