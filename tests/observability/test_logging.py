import asyncio
import io
import json
import logging
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

from gateway.observability.logging import configure_logging, describe_exception, log_loop_error

HIDDEN = "hush-hush"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def gateway_log() -> structlog.stdlib.BoundLogger:
    log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("gateway.test")
    return log


def fail(secret: str) -> None:
    raise ValueError(f"cannot use {secret}")


@pytest.fixture
def stream() -> io.StringIO:
    stream = io.StringIO()
    configure_logging("info", "json", stream)
    return stream


def test_a_line_is_one_json_object_with_its_facts(stream: io.StringIO) -> None:
    gateway_log().info("push", app="Chat", status=200, text="ünï\ncode")
    (line,) = lines(stream)
    at = datetime.fromisoformat(line.pop("at"))
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60
    assert line == {
        "event": "push",
        "level": "info",
        "logger": "gateway.test",
        "app": "Chat",
        "status": 200,
        "text": "ünï\ncode",
    }


@pytest.mark.parametrize("name", ["gateway.test", "another.package"])
def test_facts_given_for_every_line_are_on_all(name: str) -> None:
    stream = io.StringIO()
    configure_logging("info", "json", stream, worker=3)
    structlog.stdlib.get_logger(name).warning("push")
    logging.getLogger(name).warning("push")
    assert [line["worker"] for line in lines(stream)] == [3, 3]


def test_values_that_json_does_not_know_are_written_as_text(stream: io.StringIO) -> None:
    gateway_log().info("opened", path=Path("data/gateway.db"))
    assert lines(stream)[0]["path"] == "data/gateway.db"


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_lines_below_the_level_are_left_out(level: str, shown: list[str]) -> None:
    stream = io.StringIO()
    configure_logging(level, "json", stream)
    for name in ("debug", "info", "warning", "error"):
        getattr(gateway_log(), name)(name)
    assert [line["event"] for line in lines(stream)] == shown


def test_the_console_style_is_for_eyes() -> None:
    stream = io.StringIO()
    configure_logging("info", "console", stream)
    gateway_log().info("push", app="Chat")
    plain = re.sub(r"\x1b\[\d+m", "", stream.getvalue())
    assert plain.count("\n") == 1
    assert "push" in plain
    assert "app=Chat" in plain
    assert not plain.startswith("{")


@pytest.mark.parametrize(("stream", "is_json"), [(io.StringIO(), True), (Terminal(), False)], ids=["file", "terminal"])
def test_auto_is_console_on_a_terminal_and_json_elsewhere(stream: io.StringIO, is_json: bool) -> None:
    configure_logging("info", "auto", stream)
    gateway_log().info("push")
    assert stream.getvalue().startswith("{") is is_json


def test_lines_go_to_standard_error_unless_told_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")
    gateway_log().info("push")
    out, err = capsys.readouterr()
    assert out == ""
    assert json.loads(err)["event"] == "push"


def test_configuring_again_replaces_what_was(stream: io.StringIO) -> None:
    again = io.StringIO()
    configure_logging("info", "json", again)
    gateway_log().info("push")
    assert stream.getvalue() == ""
    assert len(lines(again)) == 1


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize("name", ["gateway.test", "another.package"])
def test_the_words_of_an_exception_are_never_shown(style: str, name: str) -> None:
    stream = io.StringIO()
    configure_logging("info", style, stream)
    hidden = {"secret": HIDDEN}
    try:
        fail(hidden["secret"])
    except ValueError as error:
        try:
            {}[hidden["secret"]]
        except KeyError:
            structlog.stdlib.get_logger(name).exception("failed")
            logging.getLogger(name).exception("failed")
            logging.getLogger(name).error("failed", exc_info=error)
    assert HIDDEN not in stream.getvalue()
    assert stream.getvalue().count("KeyError") == 2
    assert stream.getvalue().count("ValueError") == 1


def test_an_exception_is_its_type_and_places_innermost_last(stream: io.StringIO) -> None:
    try:
        fail(HIDDEN)
    except ValueError:
        gateway_log().exception("failed")
    (line,) = lines(stream)
    assert re.fullmatch(
        r"ValueError > \S+test_logging\.py:\d+ test_an_exception_is_its_type_and_places_innermost_last"
        r" > \S+test_logging\.py:\d+ fail",
        line["exception"],
    )
    assert "exc_info" not in line


def test_an_exception_that_was_never_raised_is_its_type() -> None:
    assert describe_exception(LookupError(HIDDEN)) == "LookupError"


def test_places_in_packages_are_named_from_the_package_on() -> None:
    with pytest.raises(structlog.exceptions.DropEvent) as caught:
        structlog.testing.LogCapture()(None, "info", {})
    assert re.fullmatch(
        r"DropEvent > \S+test_logging\.py:\d+ \w+ > structlog/testing\.py:\d+ __call__",
        describe_exception(caught.value),
    )


@pytest.mark.parametrize("info", [None, False, (None, None, None)])
def test_a_line_without_exception_tells_of_none(stream: io.StringIO, info: object) -> None:
    gateway_log().info("fine", exc_info=info)
    (line,) = lines(stream)
    assert "exception" not in line
    assert "exc_info" not in line


def test_another_packages_line_tells_where_it_is_from_but_not_its_words(stream: io.StringIO) -> None:
    def handle() -> None:
        logging.getLogger("another.package").warning("bad request: %s", HIDDEN, extra={"body": HIDDEN})

    handle()
    assert HIDDEN not in stream.getvalue()
    (line,) = lines(stream)
    assert re.fullmatch(r"another\.package: test_logging\.handle line \d+", line["event"])
    assert (line["level"], line["logger"]) == ("warning", "another.package")


def test_another_packages_chatter_below_warning_is_left_out() -> None:
    stream = io.StringIO()
    configure_logging("debug", "json", stream)
    logging.getLogger("another.package").info("chatter")
    assert stream.getvalue() == ""


async def test_a_failure_nobody_waits_for_is_logged_without_its_words(stream: io.StringIO) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: log_loop_error(context))
    loop.call_soon(fail, HIDDEN)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    (line,) = lines(stream)
    assert (line["event"], line["level"], line["logger"]) == ("unhandled", "error", "gateway.loop")
    assert line["where"] == "Exception in callback"
    assert line["exception"].startswith("ValueError > ")
    assert HIDDEN not in stream.getvalue()


def test_a_loop_error_without_exception_is_logged_too(stream: io.StringIO) -> None:
    log_loop_error({"message": "something odd"})
    (line,) = lines(stream)
    assert line["where"] == "something odd"
    assert "exception" not in line
