"""Workers are real processes; the tests' event loop only watches them and may block."""

import pytest


@pytest.fixture(autouse=True)
def blockbuster() -> None:
    """Let these tests start processes."""
