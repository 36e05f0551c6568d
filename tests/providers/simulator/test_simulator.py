"""The whole: opening, closing, and what is never printed."""

import asyncio
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.providers.simulator import Rule, Simulator, SimulatorListen
from tests.providers.simulator.conftest import ANY_PORT, FCM_TOKEN, TOKEN
from tests.providers.simulator.h2_client import H2Client


async def test_an_address_that_is_taken_leaves_nothing_open(simulator, tmp_path, clock):
    control = simulator.control_url.removeprefix("http://")
    late = Simulator(tmp_path, SimulatorListen("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", control), clock)
    with pytest.raises(OSError, match="cannot listen"):
        await late.start()
    assert late.apns_url == ""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "file").write_bytes(b"")
    return tmp_path / "file"


async def test_a_folder_that_cannot_be_made_leaves_nothing_open(file, clock):
    stuck = Simulator(file / "data", ANY_PORT, clock)
    with pytest.raises(OSError, match="file"):
        await stuck.start()


async def test_it_can_be_stopped_twice_and_started_again(data, clock, push, tls):
    simulator = Simulator(data, ANY_PORT, clock)
    await simulator.stop()
    await simulator.start()
    first = simulator.apns_url
    await simulator.stop()
    await simulator.stop()
    with pytest.raises(OSError, match=r"."):
        await H2Client(first, tls).__aenter__()
    await simulator.start()
    async with H2Client(simulator.apns_url, tls) as client:
        assert (await push(client)).status == 200
    await simulator.stop()


async def test_stopping_ends_delayed_answers(data, clock, push, tls, until):
    async with Simulator(data, ANY_PORT, clock) as simulator:
        simulator.set_rules([Rule(delay_ms=1000)])
        async with H2Client(simulator.apns_url, tls) as client:
            sent = asyncio.create_task(push(client))
            await until(lambda: simulator.received)
            await simulator.stop()
            await until(client.closed.is_set)
            assert client.goodbye == 0
            sent.cancel()


async def test_a_client_certificate_of_another_authority_is_no_entry(simulator, tmp_path, clock):
    async with Simulator(tmp_path, ANY_PORT, clock):
        pass
    context = ssl.create_default_context(cafile=str(simulator.data / "ca.pem"))
    context.set_alpn_protocols(["h2"])
    context.load_cert_chain(str(tmp_path / "apns-certificate.pem"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await H2Client(simulator.apns_url, context).__aenter__()


async def test_nothing_secret_is_printed(data, clock, capsys, apns, push, send, access_token, provider_token):
    await push(apns, payload={"aps": {"alert": "MARKER"}})
    await send({"token": FCM_TOKEN, "data": {"title": "MARKER"}})
    printed = capsys.readouterr()
    for secret in ("MARKER", TOKEN, FCM_TOKEN, access_token, "bearer", "PRIVATE"):
        assert secret not in printed.out + printed.err


UNDER_UVLOOP = """
import asyncio, ssl, sys
from pathlib import Path
import uvloop
from gateway.model.clock import SystemClock
from gateway.providers.simulator import Simulator
from tests.providers.simulator.conftest import ANY_PORT
from tests.providers.simulator.h2_client import H2Client

async def main(data):
    async with Simulator(data, ANY_PORT, SystemClock()) as simulator:
        tls = ssl.create_default_context(cafile=str(data / "ca.pem"))
        tls.set_alpn_protocols(["h2"])
        tls.load_cert_chain(str(data / "apns-certificate.pem"))
        async with H2Client(simulator.apns_url, tls) as client:
            reply = await client.send("/3/device/abcd", [("apns-topic", "chat.rocket.ios")], b'{"aps":{}}')
            await simulator.stop()
        print(reply.status, len(simulator.received))

uvloop.run(main(Path(sys.argv[1])))
"""


def test_it_runs_on_uvloop(data: Path):
    command = [sys.executable, "-c", UNDER_UVLOOP, str(data)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "200 1"), ended.stderr
