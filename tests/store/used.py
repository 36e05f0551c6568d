"""Counts of pushes."""

from typing import Any

from gateway.model.usage import Usage


def used(workspace: str, count: int, /, **fields: Any) -> Usage:
    """So many delivered pushes of a workspace in November."""
    usual: dict[str, Any] = {"month": "2026-11", "app": "chat", "outcome": "delivered"}
    return Usage(workspace=workspace, count=count, **usual | fields)
