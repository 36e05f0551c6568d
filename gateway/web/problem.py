"""Refusals that are not about a push, in the same form as those that are."""

import msgspec
from aiohttp import web

from gateway.model.notification import new_push_id


def refuse(status: int, code: str, text: str, headers: dict[str, str] | None = None) -> web.Response:
    """Answer with `{"status", "code", "error", "requestId"}` and the headers every answer has."""
    request_id = new_push_id()
    body = msgspec.json.encode({"status": status, "code": code, "error": text, "requestId": request_id})
    common = {"X-Request-Id": request_id, "Gateway-Outcome": code}
    return web.Response(
        status=status, body=body, content_type="application/json", headers={**common, **(headers or {})}
    )
