"""Requests recorded from real Rocket.Chat servers, and what their own sender makes of the same samples."""

import copy
import json
from pathlib import Path
from typing import Any, NamedTuple

_FOLDER = Path(__file__).parent
_REQUESTS = [json.loads(file.read_text()) for file in sorted((_FOLDER / "requests").glob("*.json"))]
_NATIVE = json.loads((_FOLDER / "native-payloads.json").read_text())["samples"]


class Recorded(NamedTuple):
    """One recorded push request."""

    server: str
    sample: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def platform(self) -> str:
        return self.path.split("/")[2]

    def __str__(self) -> str:
        return f"{self.server}-{self.sample}-{self.platform}"


def recorded() -> list[Recorded]:
    """Every recorded request."""
    return [
        Recorded(file["server"], file["sample"], one["path"], one["headers"], copy.deepcopy(one["body"]))
        for file in _REQUESTS
        for one in file["requests"]
    ]


def native(sample: str) -> dict[str, Any]:
    """What the server itself hands to APNs and FCM for a sample."""
    return copy.deepcopy(_NATIVE[sample])
