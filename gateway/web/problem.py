"""Refusals that are not about a push, in the same form as those that are."""

import msgspec
from aiohttp import web

from gateway.model.notification import new_push_id


def refuse(status: int, code: str, text: str, headers: dict[str, str] | None = None) -> web.Response:
    """Answer with `{"status", "code", "error", "requestId"}` and the headers every answer has."""
    request_id = new_push_id()
    document = {"status": status, "code": code, "error": text, "requestId": request_id}
    return written(status, code, request_id, document, "application/json", headers)


def written(
    status: int, code: str, request_id: str, document: object, content_type: str, headers: dict[str, str] | None
) -> web.Response:
    """Write a refusal as JSON, with the headers every answer has and some of its own."""
    common = {"X-Request-Id": request_id, "Gateway-Outcome": code}
    body = msgspec.json.encode(document)
    return web.Response(status=status, body=body, content_type=content_type, headers={**common, **(headers or {})})
