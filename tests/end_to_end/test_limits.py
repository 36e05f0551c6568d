"""What one workspace, one app, one source address may take, and that nobody else hears of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from gateway.app import following
from gateway.config import DeliverySettings, LimitsSettings, Settings
from gateway.delivery.brake import FREE_A_SECOND
from gateway.delivery.usage import READ_SECONDS
from gateway.model.limits import Limits
from gateway.model.notice import NoticeKind
from gateway.providers.simulator import Rule, Simulator
from tests.anywhere import ANYWHERE
from tests.clock import ManualClock
from tests.end_to_end.running import ANDROID, IPHONE, TOPIC, Answer, message, settings_of, start_gateway
from tests.end_to_end.still import Still

NOVEMBER = 1_796_082_600.0
"""2026-11-30T23:50:00Z: the month is over in ten minutes."""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOVEMBER)


@pytest.fixture
async def simulator(data: Path, clock: ManualClock) -> AsyncIterator[Simulator]:
    async with Simulator(data, ANYWHERE, clock) as running:
        yield running


class Site:
    """Gateways on one store and one clock."""

    def __init__(
        self, simulator: Simulator, cleanup: AsyncExitStack, clock: ManualClock, until: Callable[..., Any]
    ) -> None:
        self.simulator = simulator
        self.cleanup = cleanup
        self.clock = clock
        self.until = until

    async def open(self, delivery: DeliverySettings | None = None, follows: bool = True, **limits: Any) -> Still:
        settings = await asyncio.to_thread(self._settings, delivery or DeliverySettings(), LimitsSettings(**limits))
        running = await start_gateway(self.simulator, self.cleanup, settings, self.clock)
        if not (await running.registry.contents()).workspaces:
            await running.register()
        if follows:
            await self.cleanup.enter_async_context(following(running.gateway))
        return Still(running, self.clock, self.until)

    def _settings(self, delivery: DeliverySettings, limits: LimitsSettings) -> Settings:
        return msgspec.structs.replace(settings_of(self.simulator, delivery), limits=limits)


@pytest.fixture
async def site(simulator: Simulator, clock: ManualClock, until: Callable[..., Any]) -> AsyncIterator[Site]:
    async with AsyncExitStack() as cleanup:
        yield Site(simulator, cleanup, clock, until)
        simulator.set_rules([])


def phone(number: int) -> str:
    return f"{number + 1:064x}"


async def burst(still: Still, number: int, first: int = 0, **options: Any) -> list[Answer]:
    """Push to so many devices without any time between."""
    bodies = [message(phone(first + one), **options) for one in range(number)]
    return [await still.running.push("apn", body) for body in bodies]


def statuses(answers: list[Answer]) -> list[int]:
    return [answer.status for answer in answers]


async def other_workspace(still: Still) -> str:
    issued = await still.running.registry.add_workspace("other", ("app",))
    await still.running.gateway.follower.check()
    return issued.secret.reveal()


async def test_who_sends_too_fast_is_asked_to_come_again_and_nobody_else(site: Site) -> None:
    still = await site.open(workspace_rate=2.0, workspace_burst=3)
    answers = await burst(still, 5)
    assert statuses(answers) == [200, 200, 200, 429, 429]
    assert (answers[-1].code, answers[-1].headers["Retry-After"]) == ("workspace_rate", "1")
    still.running.secret, acme = await other_workspace(still), still.running.secret
    assert statuses(await burst(still, 3, first=10)) == [200, 200, 200]
    still.running.secret = acme
    await site.clock.advance(0.5)
    assert statuses(await burst(still, 2, first=20)) == [200, 429]
    assert len(still.simulator.received) == 7


async def test_a_workspace_has_a_rate_of_its_own_and_none_where_it_is_zero(site: Site) -> None:
    still = await site.open(workspace_rate=1.0, workspace_burst=1)
    await still.running.registry.update_workspace("workspace", limits=Limits(rate=100.0, burst=4))
    await still.running.gateway.follower.check()
    assert statuses(await burst(still, 5)) == [200, 200, 200, 200, 429]
    await still.running.registry.update_workspace("workspace", limits=Limits(rate=0.0))
    await still.running.gateway.follower.check()
    assert set(statuses(await burst(still, 50, first=10))) == {200}


async def test_an_app_has_a_rate_over_all_its_workspaces(site: Site) -> None:
    still = await site.open(app_rate=1.0, app_burst=2)
    assert statuses(await burst(still, 1)) == [200]
    still.running.secret = await other_workspace(still)
    answers = await burst(still, 2, first=10)
    assert statuses(answers) == [200, 429]
    assert answers[-1].code == "app_rate"


async def test_gateways_on_one_store_share_a_rate(site: Site) -> None:
    one, other = [await site.open(workspace_rate=2.0, workspace_burst=4) for _ in range(2)]
    other.running.secret = one.running.secret
    await one.passes(lambda: all(each.running.gateway.pulse.live == 2 for each in (one, other)), step=1.0)
    assert statuses(await burst(one, 3)) == [200, 200, 429]
    assert statuses(await burst(other, 3, first=10)) == [200, 200, 429]


CALL = {"host": "https://h/", "notificationType": "voip", "type": "incoming_call", "callId": "c"}
RING = {"topic": f"{TOPIC}.voip", "payload": CALL}


async def test_rings_pass_where_others_are_too_fast_until_a_burst_is_owed(site: Site) -> None:
    still = await site.open(workspace_rate=1.0, workspace_burst=3)
    assert statuses(await burst(still, 4)) == [200, 200, 200, 429]
    assert statuses(await burst(still, 4, first=10, **RING)) == [200, 200, 200, 429]
    await site.clock.advance(3.0)
    assert statuses(await burst(still, 1, first=20)) == [429], "what rings have taken ahead, others wait for"
    await site.clock.advance(1.0)
    assert statuses(await burst(still, 1, first=30)) == [200]


async def test_an_android_ring_passes_too_and_a_word_makes_no_ring(site: Site) -> None:
    still = await site.open(workspace_rate=1.0, workspace_burst=1)
    await burst(still, 1)
    assert (await still.push(ANDROID, text='about "voip"')).status == 429
    assert (await still.push(ANDROID, payload={**CALL, "type": "call_ended"})).status == 429
    assert (await still.push(ANDROID, payload=CALL)).status == 200


async def test_rings_have_places_of_their_own(site: Site) -> None:
    still = await site.open(DeliverySettings(answer_within=5.0), workspace_in_flight=1)
    still.simulator.set_rules([Rule(delay_ms=4000)])
    under_way = [asyncio.create_task(still.running.push("apn", message(phone(0))))]
    await still.asked(1)
    assert [answer.code for answer in await burst(still, 1, first=10)] == ["workspace_busy"]
    under_way.append(asyncio.create_task(still.running.push("apn", message(phone(1), **RING))))
    await still.asked(2)
    assert [answer.code for answer in await burst(still, 1, first=20, **RING)] == ["workspace_busy"]
    await still.passes(lambda: all(task.done() for task in under_way))
    assert statuses(await asyncio.gather(*under_way)) == [200, 200]
    still.simulator.set_rules([])
    await still.empty()


async def test_a_request_has_its_place_while_its_body_comes(site: Site) -> None:
    still = await site.open(workspace_in_flight=1)
    address = still.running.doors.public.address
    reader, writer = await asyncio.open_connection(address.host, address.port)
    head = f"POST /w/{still.running.secret}/push/apn/send HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n"
    writer.write(head.encode())
    await site.until(lambda: still.running.gateway.limits.allowance.inside)
    assert [answer.code for answer in await burst(still, 1)] == ["workspace_busy"]
    writer.write(b"{}       ")
    assert b"422" in await reader.readline()
    writer.close()
    assert statuses(await burst(still, 1)) == [200]


async def test_a_repetition_is_told_so_though_the_month_is_over_and_uses_nothing_up(site: Site) -> None:
    still = await site.open(workspace_per_month=2, app_rate=1.0, app_burst=2)
    body = message(phone(0), createdAt="2026-11-30T23:50:00.000Z")
    answers = [await still.running.push("apn", body) for _ in range(4)]
    assert [answer.code for answer in answers] == ["delivered", "duplicate", "duplicate", "duplicate"]
    assert [answer.code for answer in await burst(still, 2, first=10)] == ["delivered", "quota_month"]
    assert (await still.running.push("apn", body)).code == "duplicate"


async def test_refusals_for_the_rate_are_counted_and_of_many_alike_one_a_second_is_told(site: Site) -> None:
    still = await site.open(workspace_rate=1.0, workspace_burst=1)
    with capture_logs() as logs:
        await burst(still, 30)
        await site.clock.advance(1.0)
        await burst(still, 2, first=40)
    told = [(entry["reason"], entry.get("untold")) for entry in logs if entry["event"] == "push"]
    assert told == [("delivered", None), ("workspace_rate", None), ("delivered", None), ("workspace_rate", 28)]
    assert sorted(delivery.reason for delivery in await still.log()) == sorted(reason for reason, _ in told)
    metrics = (await still.running.get(f"{still.running.operator_url}/metrics")).body.decode()
    assert 'push_requests_total{app="none",outcome="later",platform="apn",reason="workspace_rate"} 30.0' in metrics
    assert 'push_workspace_requests_total{outcome="later",workspace="workspace"} 30.0' in metrics


async def test_only_so_many_requests_of_a_workspace_are_worked_on_at_a_time(site: Site) -> None:
    still = await site.open(DeliverySettings(answer_within=5.0), workspace_in_flight=2)
    still.simulator.set_rules([Rule(delay_ms=4000)])
    under_way = [asyncio.create_task(still.running.push("apn", message(phone(number)))) for number in range(2)]
    await still.asked(2)
    (refused,) = await burst(still, 1, first=10)
    assert (refused.status, refused.code) == (429, "workspace_busy")
    secret, still.running.secret = still.running.secret, await other_workspace(still)
    elsewhere = asyncio.create_task(still.running.push("apn", message(phone(20))))
    await still.asked(3)
    still.running.secret = secret
    await still.passes(lambda: all(task.done() for task in (*under_way, elsewhere)))
    still.simulator.set_rules([])
    assert statuses([*(await asyncio.gather(*under_way, elsewhere)), *await burst(still, 1, first=30)]) == [200] * 4
    await still.empty()


async def test_the_quota_of_a_month_ends_pushes_until_the_next(site: Site) -> None:
    still = await site.open(workspace_per_month=3)
    answers = await burst(still, 4)
    assert statuses(answers) == [200, 200, 200, 422]
    assert answers[-1].code == "quota_month"
    await site.clock.advance(601.0)
    assert [answer.code for answer in await burst(still, 1, first=10)] == ["delivered"]


async def test_an_app_has_a_quota_too(site: Site) -> None:
    still = await site.open(app_per_month=1)
    answers = await burst(still, 2)
    assert [answer.code for answer in answers] == ["delivered", "app_quota_month"]


async def test_only_pushes_that_were_taken_use_up_a_quota(site: Site) -> None:
    still = await site.open(workspace_per_month=2)
    still.simulator.set_rules([Rule(status=400, reason="BadTopic")])
    assert {answer.code for answer in await burst(still, 5)} == {"apns_bad_topic"}
    still.simulator.set_rules([Rule(status=503)])
    assert [answer.code for answer in await burst(still, 1, first=10)] == ["stored_later"]
    still.simulator.set_rules([])
    assert statuses(await burst(still, 2, first=20)) == [200, 422]


async def test_a_quota_is_shared_by_gateways_survives_a_restart_and_is_told_from_80_percent(site: Site) -> None:
    one, other = [await site.open(workspace_per_month=10) for _ in range(2)]
    other.running.secret = one.running.secret
    await burst(one, 8)
    await one.passes(lambda: other.running.gateway.limits.usage.of_workspace("workspace") == 8, step=1.0)
    assert statuses(await burst(other, 3, first=10)) == [200, 200, 422]
    warned = lambda share: one.running.gateway.notices.standing(  # noqa: E731
        NoticeKind.QUOTA, "workspace", f"workspace 2026-11 {share}"
    )
    await one.passes(lambda: warned("80%") or warned("100%"), step=5.0)
    await one.passes(lambda: warned("100%"), step=5.0)
    late = await site.open(workspace_per_month=10)
    late.running.secret = one.running.secret
    await late.passes(lambda: late.running.gateway.limits.usage.of_workspace("workspace") == 10, step=READ_SECONDS)
    assert statuses(await burst(late, 1, first=20)) == [422]


async def test_a_workspace_and_an_app_have_shares_of_the_outbox_of_their_own(site: Site) -> None:
    still = await site.open()
    registry, follower = still.running.registry, still.running.gateway.follower
    still.simulator.set_rules([Rule(status=503, reason="ServiceUnavailable")])
    await registry.update_workspace("workspace", limits=Limits(outbox=1))
    await follower.check()
    assert [answer.code for answer in await burst(still, 2)] == ["stored_later", "apns_service_unavailable"]
    await registry.update_workspace("workspace", limits=Limits())
    await registry.update_app("app", limits=Limits(outbox=2))
    await follower.check()
    answers = await burst(still, 2, first=10)
    assert [answer.code for answer in answers] == ["stored_later", "apns_service_unavailable"]


async def test_an_address_that_fails_too_often_is_refused_but_no_valid_secret_from_there(site: Site) -> None:
    still = await site.open(failed_authentications=3, follows=False)
    right, still.running.secret = still.running.secret, "wrong"
    answers = await burst(still, 4)
    assert statuses(answers) == [401, 401, 401, 429]
    assert (answers[-1].code, answers[-1].headers["Retry-After"]) == ("failed_too_often", "60")
    assert (await still.running.post("/push/apn/send", message(IPHONE))).status == 429
    still.running.secret = right
    assert statuses(await burst(still, 3, first=10)) == [200, 200, 200]
    await still.running.registry.add_workspace("new", ("app",))
    still.running.secret = (await still.running.registry.rotate("new")).secret.reveal()
    answer = asyncio.create_task(still.running.push("apn", message(phone(20))))
    await still.passes(answer.done)
    assert (await answer).status == 200
    still.running.secret = "wrong"
    await site.clock.advance(60.0)
    assert statuses(await burst(still, 1, first=30)) == [401]


async def test_who_floods_hears_of_it_later_and_others_at_once(site: Site) -> None:
    still = await site.open(workspace_rate=1.0, workspace_burst=1)
    assert statuses(await burst(still, 1 + FREE_A_SECOND)) == [200] + [429] * FREE_A_SECOND
    late = asyncio.create_task(still.running.push("apn", message(phone(500))))
    acme, still.running.secret = still.running.secret, await other_workspace(still)
    assert statuses(await burst(still, 1, first=600)) == [200]
    assert not late.done()
    await still.passes(late.done)
    assert (await late).status == 429
    still.running.secret = acme
    assert (await burst(still, 1, first=700))[0].status in (200, 429)
