"""Logging is the process's own: every test gets it back as it was."""

import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root, gateway = logging.getLogger(), logging.getLogger("gateway")
    handlers, levels = root.handlers[:], (root.level, gateway.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    gateway.setLevel(levels[1])
    structlog.reset_defaults()
