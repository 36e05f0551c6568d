"""The commands run in processes of their own; the tests' event loop only watches them and may block."""

import pytest


@pytest.fixture(autouse=True)
def blockbuster() -> None:
    """Let these tests look at files."""
