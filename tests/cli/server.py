"""A gateway served by the command line, with one workspace that may send."""

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.cli.process import Served, push_gateway, serving
from tests.end_to_end.running import ANDROID, message

DOORS = ("--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0")


class Server:
    """A served gateway, with one workspace that may send."""

    def __init__(self, served: Served, public: str, operator: str, secret: str) -> None:
        self.served = served
        self.public = public
        self.operator = operator
        self.secret = secret
        self.push_url = f"{public}/w/{secret}/push/gcm/send"

    def signal(self, number: signal.Signals) -> None:
        self.served.process.send_signal(number)

    async def worker(self, number: int, start: int = 1) -> int:
        """Wait until a worker has been started `start` times and is up; return its process id."""
        line = await self.served.line_with(rf'^(?=.*"worker":{number}\b).*"event":"worker_up"', times=start)
        return int(json.loads(line.string)["pid"])


async def register(config: Path, folder: Path) -> str:
    """Add the app and the workspace by the command line."""
    account = folder / "data" / "service-account.json"
    app = await push_gateway("--config", config, "app", "add", "app", "--fcm-service-account", account, folder=folder)
    assert app.code == 0, app.err
    added = await push_gateway("--config", config, "workspace", "add", "w", "--app", "app", "--json", folder=folder)
    return str(added.json["secret"])


@asynccontextmanager
async def served(folder: Path, workers: int = 1, **env: str) -> AsyncIterator[Server]:
    """Serve with this many workers; all know the workspace when the block begins."""
    config = folder / "data" / "gateway.toml"
    secret = await register(config, folder)
    environment = {"PUSH_GATEWAY_SERVER__WORKERS": str(workers), **env}
    async with serving("--config", config, "serve", *DOORS, folder=folder, env=environment) as process:
        line = json.loads((await process.line_with('"event":"listening"')).string)
        await process.line_with('"event":"snapshot_loaded"', times=workers)
        yield Server(process, f"http://{line['public']}", f"http://{line['operator']}", secret)


async def status(session: aiohttp.ClientSession, url: str) -> tuple[int, Any]:
    async with session.get(url) as answer:
        return answer.status, await answer.json()


async def push(session: aiohttp.ClientSession, server: Server) -> aiohttp.ClientResponse:
    async with session.post(server.push_url, json=message(ANDROID)) as answer:
        await answer.read()
        return answer


async def ask_once(host: str, port: int) -> bytes | None:
    """Return the answer on a connection of its own; None where the door was closed already."""
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except ConnectionRefusedError:
        return None
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer


async def counted(session: aiohttp.ClientSession, server: Server) -> int:
    """How many pushes the metrics tell of."""
    async with session.get(f"{server.operator}/metrics") as answer:
        values = re.findall(r"^push_requests_total\{.*\} (\S+)$", await answer.text(), re.MULTILINE)
    return round(sum(map(float, values)))
