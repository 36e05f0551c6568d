"""The demonstration, as a newcomer runs it."""

import re
import signal
from pathlib import Path

import aiohttp

from tests.cli.process import push_gateway, serving


async def test_once_shows_every_kind_of_push_and_ends_well(tmp_path: Path) -> None:
    ended = await push_gateway("demo", "--once", folder=tmp_path)
    assert ended.code == 0, ended.out + ended.err
    for words in ("message-id-only", "test push", "video conference", "VoIP ring", "406 apns_unregistered", "voip"):
        assert words in ended.out
    assert ended.out.count(" ok ") == 12
    assert "WRONG" not in ended.out
    assert list(tmp_path.iterdir()) == []


async def test_it_keeps_running_and_its_curl_line_works(tmp_path: Path) -> None:
    anywhere = ("--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0")
    async with serving("demo", *anywhere, "--data", tmp_path / "data", folder=tmp_path) as demo:
        operator = (await demo.line_with(r"Operator +(http\S+)"))[1]
        curl = await demo.line_with(r"curl -i -H '(.+): (.+)' -d '(.+)' (http\S+)")
        async with (
            aiohttp.ClientSession() as session,
            session.post(curl[4], data=curl[3], headers={curl[1]: curl[2]}) as pushed,
            session.get(operator) as page,
        ):
            assert pushed.status == 200
            assert "Ready: 1 app, 1 workspace" in re.sub(r"\s+", " ", await page.text())
        demo.process.send_signal(signal.SIGINT)
        assert await demo.ended() == 0


async def test_a_second_demo_in_the_same_folder_works_too(tmp_path: Path) -> None:
    for _ in range(2):
        ended = await push_gateway("demo", "--once", "--data", "here", folder=tmp_path)
        assert ended.code == 0, ended.out + ended.err


async def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    async with serving("demo", "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", folder=tmp_path) as demo:
        port = (await demo.line_with(r"Operator +http://127.0.0.1:(\d+)"))[1]
        ended = await push_gateway("demo", "--listen", f"127.0.0.1:{port}", folder=tmp_path)
        demo.process.send_signal(signal.SIGTERM)
        assert await demo.ended() == 0
    assert ended.code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in ended.err
    assert "Traceback" not in ended.err
