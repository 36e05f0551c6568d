"""Log lines: JSON, or readable on a terminal; one line per push.

No line ever holds what a push says, a device token, a secret or a bearer. Tracebacks are therefore reduced to the
exception's type and where it was: messages and local values may quote what was being handled.
"""

import logging
import sys
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, TextIO

import msgspec
import structlog

Event = MutableMapping[str, Any]


def configure_logging(level: str, style: str, stream: TextIO | None = None, **always: object) -> None:
    """Send all log lines to `stream` (default: standard error).

    Args:
        level: debug, info, warning or error; other packages' lines are kept from warning on.
        style: json, console, or auto: console on a terminal, JSON elsewhere.
        stream: where to write.
        always: facts for every line, such as which process it comes from.
    """
    stream = stream or sys.stderr
    shared = [_adding(always), *_SHARED]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(style == "console" or (style == "auto" and stream.isatty()), shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("gateway").setLevel(level.upper())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _formatter(console: bool, shared: list[Any]) -> logging.Formatter:
    last: Any = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer(_to_json)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, _drop_foreign_words],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
    )


def _adding(facts: Mapping[str, object]) -> Callable[[object, str, Event], Event]:
    return lambda _logger, _method, event: {**facts, **event}


def _to_json(event: Event, **_: object) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()


def _where_only(_logger: object, _method: str, event: Event) -> Event:
    """Replace a traceback by its exception's type and places."""
    info = event.pop("exc_info", None)
    error = sys.exception() if info is True else info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["exception"] = describe_exception(error)
    return event


def describe_exception(error: BaseException) -> str:
    """Name an exception's type and the places it passed, innermost last; not its message."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.filename.rpartition('site-packages/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
    return " > ".join([type(error).__qualname__, *places])


def _drop_foreign_words(_logger: object, _method: str, event: Event) -> Event:
    """Keep where another package's line comes from, not its words: they may quote a request."""
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        event["event"] = f"{record.name}: {record.module}.{record.funcName} line {record.lineno}"
    return event


_SHARED: list[Any] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    _where_only,
]


def log_loop_error(context: Mapping[str, Any]) -> None:
    """Log what the event loop reports of a callback or task nobody waits for.

    Its message quotes the callback with all arguments, so that part is left out.
    """
    words, callback, _ = str(context.get("message", "")).partition(" callback")
    structlog.stdlib.get_logger("gateway.loop").error(
        "unhandled", where=words + callback, exc_info=context.get("exception")
    )
