"""Refusals of the API, as problem documents (RFC 9457)."""

import re
from http import HTTPStatus

import msgspec
from aiohttp import hdrs, web

from gateway.model.notification import new_push_id
from gateway.web.problem import written

_PLACE = re.compile(r" - at `(\$[^`]*)`$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


class ProblemDocument(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What went wrong: `code` names it, `detail` says it to people, `pointer` (RFC 6901) where in the request it is."""

    status: int
    title: str
    code: str
    detail: str
    request_id: str
    pointer: str = ""


def problem(
    status: int, code: str, detail: str, pointer: str = "", headers: dict[str, str] | None = None
) -> web.Response:
    """Answer with a problem document of the type "about:blank": its title is the status'."""
    document = ProblemDocument(status, HTTPStatus(status).phrase, code, detail, new_push_id(), pointer)
    if status == HTTPStatus.UNAUTHORIZED:
        headers = {hdrs.WWW_AUTHENTICATE: "Bearer", **(headers or {})}
    return written(status, code, document.request_id, document, "application/problem+json", headers)


def invalid(error: ValueError) -> web.Response:
    """Answer to a body that is not what was asked for: 400 where it is no JSON, 422 where a field is wrong."""
    if not isinstance(error, msgspec.ValidationError):
        return problem(400, "invalid_json", "The body is not JSON in UTF-8.")
    text = str(error)
    place = _PLACE.search(text)
    steps = _STEP.findall(place[1]) if place else []
    return problem(422, "invalid_request", _PLACE.sub("", text), "".join(f"/{name or index}" for name, index in steps))
