"""The control door, spoken to over HTTP."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from gateway.providers.simulator import Rule
from gateway.providers.simulator.ledger import shown_headers
from tests.providers.simulator.conftest import FCM_TOKEN, TOKEN


@pytest.fixture
async def http(simulator) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(simulator.control_url) as session:
        yield session


async def test_what_was_received_is_shown_in_order(http, apns, push, send, clock):
    await push(apns, apns_id="eabeae54-14a8-11e5-b60b-1697f925ec7b")
    await clock.advance(1)
    await send()
    await push(apns, payload=b"{")
    shown = await (await http.get("/received")).json()
    assert [entry["platform"] for entry in shown] == ["apns", "fcm", "apns"]
    apns_entry, fcm_entry, refused = shown
    assert set(apns_entry) >= {"at", "platform", "token", "headers", "payload", "status", "reason"}
    assert apns_entry["at"] == clock.now() - 1
    assert (apns_entry["token"], apns_entry["environment"]) == (TOKEN, "production")
    assert apns_entry["payload"] == {"aps": {"alert": "hello"}}
    assert (apns_entry["status"], apns_entry["reason"]) == (200, None)
    assert apns_entry["headers"]["authorization"] == "bearer ***"
    assert apns_entry["apns_id"] == "eabeae54-14a8-11e5-b60b-1697f925ec7b"
    assert fcm_entry["payload"] == {"token": FCM_TOKEN, "data": {"ejson": "{}"}}
    assert (fcm_entry["token"], "environment" in fcm_entry) == (FCM_TOKEN, False)
    assert (refused["payload"], refused["status"], refused["reason"]) == (None, 400, "PayloadEmpty")


async def test_what_was_received_can_be_forgotten(http, simulator, apns, push):
    await push(apns)
    assert (await http.delete("/received")).status == 204
    assert await (await http.get("/received")).json() == []
    await push(apns)
    simulator.clear()
    assert simulator.received == []


async def test_rules_are_put_used_up_and_shown(http, simulator, apns, push):
    given = [{"token_prefix": "ab", "status": 410, "times": 2}, {}]
    answer = await http.put("/rules", json=given)
    assert (answer.status, await answer.json()) == (200, given)
    assert (await push(apns)).status == 410
    assert await (await http.get("/rules")).json() == [given[0] | {"times": 1}, {}]
    assert simulator.rules == [Rule(token_prefix="ab", status=410, times=1), Rule()]
    assert await (await http.put("/rules", json=[])).json() == []
    assert (await push(apns)).status == 200


async def test_faults_are_put_and_shown_and_so_is_whom_they_met(http, apns, push):
    given = [{"h2": "early", "times": 2}, {"platform": "fcm", "h2": "dead"}]
    answer = await http.put("/rules", json=given)
    assert (answer.status, await answer.json()) == (200, given)
    assert (await push(apns)).status == 200
    assert await (await http.get("/rules")).json() == [given[0] | {"times": 1}, given[1]]
    await http.put("/rules", json=[])
    await push(apns)
    met, unharmed = await (await http.get("/received")).json()
    assert (met["h2"], "h2" in unharmed) == ("early", False)


async def test_bad_rules_change_nothing(http, simulator):
    simulator.set_rules([Rule(status=500)])
    answer = await http.put("/rules", json=[{}, {"status": "x"}])
    assert answer.status == 422
    assert await answer.json() == {"error": "Expected `int | null`, got `str`", "item": 1, "field": "status"}
    assert simulator.rules == [Rule(status=500)]


async def test_it_says_that_it_is_alive(http):
    answer = await http.get("/healthz")
    assert (answer.status, await answer.json()) == (200, {"status": "ok"})


async def test_entries_keep_their_secrets_in_a_repr(simulator, apns, push):
    await push(apns)
    assert repr(simulator.received[0]) == "Received(apns, 200, None)"


def test_repeated_headers_are_joined_and_bearers_hidden():
    pairs = [("a", "1"), ("authorization", "bearer x"), ("a", "2"), ("authorization", "y")]
    assert shown_headers(pairs) == {"a": "1, 2", "authorization": "bearer ***, bearer ***"}
