"""Authentication: every way in, and every way to stay out."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from gateway.model.address import Network
from gateway.providers.simulator import Simulator
from tests.end_to_end.running import ANDROID, BOTH_WAYS, Running, message, settings_of, start_gateway


@BOTH_WAYS
async def test_a_bearer_may_stand_in_for_the_path(gateway: Running) -> None:
    answer = await gateway.post("/push/gcm/send", message(ANDROID), {"Authorization": f"Bearer {gateway.secret}"})
    assert (answer.status, answer.code) == (200, "delivered")


@BOTH_WAYS
@pytest.mark.parametrize("authorization", ["Bearer ", "Basic YTpi", ""])
async def test_without_a_secret_the_answer_says_how_to_set_the_url(gateway: Running, authorization: str) -> None:
    answer = await gateway.post("/push/gcm/send", message(ANDROID), {"Authorization": authorization})
    assert (answer.status, answer.code) == (401, "secret_missing")
    assert "Push_gateway" in answer.document["error"]
    assert "/w/<secret>" in answer.document["error"]


@BOTH_WAYS
@pytest.mark.parametrize("path", ["/w/wrong/push/gcm/send", "/push/gcm/send"])
async def test_an_unknown_secret_is_401(gateway: Running, path: str) -> None:
    answer = await gateway.post(path, message(ANDROID), {"Authorization": "Bearer wrong.cloud.token"})
    assert (answer.status, answer.code) == (401, "workspace_unknown")
    assert gateway.simulator.received == []


@BOTH_WAYS
async def test_a_workspace_added_just_now_is_found(gateway: Running) -> None:
    issued = await gateway.registry.add_workspace("new", ("app",))
    gateway.secret = issued.secret.reveal()
    assert (await gateway.push("gcm", message(ANDROID))).status == 200


@BOTH_WAYS
async def test_a_secret_once_unknown_is_not_looked_up_again_at_once(gateway: Running) -> None:
    for _ in range(3):
        assert (await gateway.post("/w/wrong/push/gcm/send", message(ANDROID))).status == 401


@BOTH_WAYS
async def test_a_suspended_workspace_waits_for_its_operator(gateway: Running) -> None:
    await gateway.registry.update_workspace("workspace", suspended=True)
    await gateway.gateway.follower.check()
    answer = await gateway.push("gcm", message(ANDROID))
    assert (answer.status, answer.code) == (401, "workspace_suspended")
    await gateway.registry.update_workspace("workspace", suspended=False)
    await gateway.gateway.follower.check()
    assert (await gateway.push("gcm", message(ANDROID))).status == 200


@BOTH_WAYS
async def test_a_pinned_unique_id_must_match(gateway: Running) -> None:
    await gateway.registry.update_workspace("workspace", unique_id="UNIQUEID")
    await gateway.gateway.follower.check()
    assert (await gateway.push("gcm", message(ANDROID))).status == 200
    answer = await gateway.push("gcm", message(ANDROID, uniqueId="another"))
    assert (answer.status, answer.code) == (401, "unique_id_mismatch")


@BOTH_WAYS
async def test_a_rotated_secret_stops_working(gateway: Running) -> None:
    old = gateway.secret
    gateway.secret = (await gateway.registry.rotate("workspace")).secret.reveal()
    assert (await gateway.push("gcm", message(ANDROID))).status == 200
    assert (await gateway.post(f"/w/{old}/push/gcm/send", message(ANDROID))).status == 401


@pytest.mark.parametrize(
    ("trusted", "forwarded", "status"),
    [
        ((), None, 401),
        ((), "192.0.2.7", 401),
        (("127.0.0.1",), None, 401),
        (("127.0.0.1",), "192.0.2.7", 200),
        (("127.0.0.1",), "198.51.100.1, 192.0.2.7", 200),
        (("127.0.0.1",), "192.0.2.7, 198.51.100.1", 401),
        (("127.0.0.1", "10.0.0.0/8"), "192.0.2.7, 10.1.2.3", 200),
        (("127.0.0.1",), "[::ffff:192.0.2.7]", 200),
        (("127.0.0.1",), "not an address", 401),
    ],
)
async def test_only_trusted_proxies_say_where_a_request_is_from(
    simulator: Simulator, trusted: tuple[str, ...], forwarded: str | None, status: int
) -> None:
    proxies = tuple(Network.parse(text) for text in trusted)
    settings = await asyncio.to_thread(settings_of, simulator, trusted_proxies=proxies)
    async with AsyncExitStack() as cleanup:
        gateway = await start_gateway(simulator, cleanup, settings)
        await gateway.register(allow_from=("192.0.2.0/24",))
        headers = {"X-Forwarded-For": forwarded} if forwarded else {}
        answer = await gateway.push("gcm", message(ANDROID), headers)
        assert answer.status == status
        assert status == 200 or answer.code == "address_not_allowed"
