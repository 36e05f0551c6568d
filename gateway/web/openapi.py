"""The API's description (OpenAPI 3.1), made of the types that it is read and written with."""

from typing import Any

import msgspec

import gateway
from gateway.web.notification_door import Explanations
from gateway.web.problem_document import ProblemDocument
from gateway.workflow.situation import Request

_TEMPLATE = "#/components/schemas/{name}"
_PROBLEMS = {
    400: "The body is not JSON.",
    401: "The bearer is no workspace's secret, or the workspace may not ask.",
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    422: "A field is missing, unknown or wrong; `pointer` says which.",
    429: "Too much was asked; Retry-After says when to come again.",
    503: "The gateway cannot say at the moment; Retry-After says when to come again.",
}


def openapi() -> bytes:
    """Write the description as JSON."""
    (request, explanations, problem), schemas = msgspec.json.schema_components(
        (Request, Explanations, ProblemDocument), ref_template=_TEMPLATE
    )
    explain = {
        "summary": "Whether each receiver is notified of a message, why not, and when. Nothing is sent.",
        "operationId": "explainNotification",
        "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
        "responses": {
            "200": _response("One explanation a receiver, in their order.", "application/json", explanations),
            **{str(status): _response(text, "application/problem+json", problem) for status, text in _PROBLEMS.items()},
        },
    }
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {"title": "Push gateway", "version": gateway.__version__},
            "paths": {"/api/v1/notifications/explain": {"post": explain}},
            "components": {
                "schemas": schemas,
                "securitySchemes": {"secret": {"type": "http", "scheme": "bearer", "description": "The workspace's."}},
            },
            "security": [{"secret": []}],
        }
    )


def _response(description: str, kind: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {kind: {"schema": schema}}}
