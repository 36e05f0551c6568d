"""The gateway as a process: started, pushed to, drained and stopped."""

import asyncio
import json
import os
import re
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from gateway.providers.simulator import Rule, Simulator
from tests.cli.process import PATIENCE, push_gateway, serving
from tests.cli.server import ask_once, push, register, served, status
from tests.end_to_end.running import ANDROID

EITHER = pytest.mark.parametrize("workers", [1, 2], ids=["one process", "two workers"])


async def becomes(holds: Callable[[], Awaitable[bool]]) -> None:
    """Ask until it holds."""
    async with asyncio.timeout(PATIENCE):
        while not await holds():
            pass


@EITHER
@pytest.mark.usefixtures("simulator")
async def test_sigterm_drains_and_refuses_nobody(tmp_path: Path, workers: int) -> None:
    async with (
        served(tmp_path, workers, PUSH_GATEWAY_SERVER__DRAIN_DELAY="1.0") as server,
        aiohttp.ClientSession() as session,
    ):

        async def is_ready() -> bool:
            return await status(session, f"{server.operator}/readyz") == (200, {"status": "ok"})

        async def public_door_drains() -> bool:
            code, document = await status(session, f"{server.public}/readyz")
            return (code, document.get("lacks", {}).get("draining")) == (503, "the gateway is shutting down")

        async def answers_close() -> bool:
            answer = await push(session, server)
            assert answer.status == 200
            return answer.headers.get("Connection") == "close"

        await becomes(is_ready)
        assert not await answers_close()
        server.signal(signal.SIGTERM)
        await server.served.line_with('"event":"stopping"')
        code, document = await status(session, f"{server.operator}/readyz")
        assert (code, list(document["lacks"])) == (503, ["draining"])
        await becomes(public_door_drains)
        await becomes(answers_close)
        assert await server.served.ended() == 0


@EITHER
async def test_a_push_under_way_is_finished(tmp_path: Path, simulator: Simulator, workers: int) -> None:
    simulator.set_rules([Rule(delay_ms=700)])
    async with (
        served(tmp_path, workers, PUSH_GATEWAY_SERVER__DRAIN_DELAY="0") as server,
        aiohttp.ClientSession() as session,
    ):
        arrival = asyncio.create_task(simulator.next_received())
        under_way = asyncio.create_task(push(session, server))
        await arrival
        server.signal(signal.SIGTERM)
        assert (await under_way).status == 200
        assert await server.served.ended() == 0


@EITHER
@pytest.mark.usefixtures("simulator")
async def test_connections_in_the_backlog_are_answered(tmp_path: Path, workers: int) -> None:
    async with served(tmp_path, workers) as server:
        host, port = server.public.removeprefix("http://").split(":")
        server.signal(signal.SIGINT)
        answers = await asyncio.gather(*(ask_once(host, int(port)) for _ in range(20)))
        assert {answer.startswith(b"HTTP/1.1 200 ") for answer in answers if answer is not None} <= {True}
        assert await server.served.ended() == 0


@EITHER
@pytest.mark.usefixtures("simulator")
@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM, signal.SIGTERM]])
async def test_sigint_and_a_second_signal_do_not_wait(
    tmp_path: Path, signals: list[signal.Signals], workers: int
) -> None:
    async with served(tmp_path, workers, PUSH_GATEWAY_SERVER__DRAIN_DELAY="3600") as server:
        for number in signals:
            server.signal(number)
            await server.served.line_with('"event":"stopping"')
        assert await server.served.ended() == 0


@pytest.mark.usefixtures("simulator")
async def test_changes_by_the_command_line_are_live_within_seconds(tmp_path: Path) -> None:
    async with served(tmp_path) as server, aiohttp.ClientSession() as session:
        config = tmp_path / "data" / "gateway.toml"
        assert (await push_gateway("--config", config, "workspace", "suspend", "w", folder=tmp_path)).code == 0
        async with asyncio.timeout(3):
            await server.served.line_with('"event":"snapshot_loaded"', times=2)
        assert (await push(session, server)).status == 401


@EITHER
@pytest.mark.usefixtures("simulator")
async def test_the_log_is_json_lines_without_secrets(tmp_path: Path, workers: int) -> None:
    async with served(tmp_path, workers) as server, aiohttp.ClientSession() as session:
        await push(session, server)
        server.signal(signal.SIGINT)
        await server.served.ended()
        pushes = [json.loads(line) for line in server.served.lines if '"event":"push"' in line]
        assert [one["reason"] for one in pushes] == ["delivered"]
        assert server.push_url.split("/")[4] not in "".join(server.served.lines)


async def test_send_shows_what_the_provider_says(tmp_path: Path, simulator: Simulator) -> None:
    config = tmp_path / "data" / "gateway.toml"
    await register(config, tmp_path)
    sending = ("--config", config, "send", "--workspace", "w", "--platform", "gcm", "--token", ANDROID)
    sent = await push_gateway(*sending, "--title", "Hello", "--json", folder=tmp_path)
    assert (sent.code, sent.json["outcome"], sent.json["answer"]) == (0, "delivered", 200)
    assert simulator.received[0].payload["data"]["title"] == "Hello"
    simulator.set_rules([Rule(status=404)])
    dead = await push_gateway(*sending, folder=tmp_path)
    assert dead.code == 1
    assert "fcm_unregistered" in dead.out
    nobody = await push_gateway(*sending[:4], "nobody", *sending[5:], folder=tmp_path)
    assert (nobody.code, "no workspace 'nobody'" in nobody.err) == (1, True)


async def test_simulate_writes_what_a_gateway_needs(tmp_path: Path) -> None:
    anywhere = [
        part for door in ("apns", "apns-sandbox", "fcm", "control") for part in (f"--{door}-listen", "127.0.0.1:0")
    ]
    async with serving("simulate", *anywhere, "--data", "sim", folder=tmp_path) as simulate:
        control = (await simulate.line_with(r"control +(http\S+)"))[1]
        for name in ("ca.pem", "AuthKey_SIMKEY0001.p8", "apns-certificate.pem", "service-account.json", "gateway.toml"):
            assert (tmp_path / "sim" / name).is_file()
        async with aiohttp.ClientSession() as session, session.get(f"{control}/received") as received:
            assert await received.json() == []
        simulate.process.send_signal(signal.SIGTERM)
        assert await simulate.ended() == 0


async def test_the_wheel_runs_from_an_empty_folder(tmp_path: Path) -> None:
    """What is installed must bring its templates along; in a checkout they lie beside the package."""
    root = Path(__file__).parents[2]
    wheels, site, empty = tmp_path / "wheels", tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    await run(root, "pip", "wheel", "-q", "--no-deps", "-w", wheels, root)
    (wheel,) = wheels.iterdir()
    await run(root, "pip", "install", "-q", "--no-deps", "--target", site, wheel)
    ended = await push_gateway("demo", "--once", folder=empty, env={"PYTHONPATH": str(site)})
    assert ended.code == 0, ended.out + ended.err
    assert (site / "gateway" / "templates" / "operator.html").is_file()


async def run(folder: Path, *command: str | Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not re.match("COV|COVERAGE", key)}
    process = await asyncio.create_subprocess_exec("python3", "-m", *map(str, command), cwd=folder, env=environment)
    assert await asyncio.wait_for(process.wait(), 100) == 0
