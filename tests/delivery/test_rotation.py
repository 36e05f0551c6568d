"""Rotation of the keys beside running gateways that write: nothing is lost, wherever it breaks off."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.fernet import Fernet

from gateway.app import Gateway, following, open_gateway, open_store
from gateway.config import EncryptionSettings, Settings, StoreSettings
from gateway.delivery.registry import Registry
from gateway.delivery.rotation import SWEEPS, WAIT_SECONDS, Rotated, Rotation
from gateway.model.app import App
from gateway.model.errors import RotationError, StoreKeyError
from gateway.model.secret import Secret
from gateway.model.store_url import StoreUrl
from gateway.store.port import Store
from gateway.store.reencryption import PAGE, survey
from gateway.store.sealed_port import KINDS, Sealed
from tests.clock import ManualClock
from tests.heartbeats import heartbeat

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
APPS = [App(id=f"app-{number:04}", name=f"Chat {number:04}", version=1) for number in range(PAGE + 7)]
NAMES = {app.name for app in APPS}


class Watching:
    """Looks on; breaks off after a number of events."""

    def __init__(self, until: int | None = None, when: Callable[[str], object] = str) -> None:
        self.lines: list[str] = []
        self.bars: list[str] = []
        self.looked_at = 0
        self._left = until
        self._when = when

    def says(self, line: str) -> None:
        self.lines.append(line)
        self._happens(line)

    def begins(self, what: str, total: int) -> None:
        assert total > 0
        self.bars.append(what)
        self._happens(what)

    def advances(self, things: int) -> None:
        self.looked_at += things
        self._happens("page")

    def _happens(self, what: str) -> None:
        self._when(what)
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise InterruptedError


@pytest.fixture
def local(tmp_path: Path) -> Settings:
    """An embedded store with key files beside it."""
    return Settings(store=StoreSettings(url=StoreUrl(f"sqlite:///{tmp_path}/data/gateway.db")))


Given = Callable[..., Settings]


@pytest.fixture(params=["mongo", "sqlite"])
def given(request: pytest.FixtureRequest, tmp_path: Path) -> Given:
    """Settings that give the keys, of a store on each adapter."""
    local = StoreUrl(f"sqlite:///{tmp_path}/data/gateway.db")
    url = request.getfixturevalue("mongo_url") if request.param == "mongo" else local

    def settings(*keys: str) -> Settings:
        encryption = EncryptionSettings(keys=tuple(map(Secret, keys)), lookup_key=Secret("a long random text"))
        return Settings(store=StoreSettings(url=url), encryption=encryption)

    return settings


@asynccontextmanager
async def running(settings: Settings, clock: ManualClock, gateways: int = 1) -> AsyncIterator[list[Gateway]]:
    """Gateways for which time goes on as fast as all they do at intervals has been done."""
    tasks = gateways * (11 if settings.encryption.keys else 12)

    async def flow() -> None:
        while True:
            while clock.pending < tasks:  # noqa: ASYNC110 - what they do gives no event
                await asyncio.sleep(0)
            await clock.advance(0.5)

    async with AsyncExitStack() as cleanup:
        opened = [await cleanup.enter_async_context(open_gateway(settings, clock)) for _ in range(gateways)]
        for gateway in opened:
            await cleanup.enter_async_context(following(gateway))
        flowing = asyncio.create_task(flow())
        try:
            yield opened
        finally:
            flowing.cancel()


@asynccontextmanager
async def writing(gateway: Gateway) -> AsyncIterator[set[str]]:
    """Add and change apps all the time; what is there is said."""
    registry = Registry(gateway.store, gateway.vault, gateway.clock)
    names = {app.name for app in (await registry.contents()).apps}

    async def write() -> None:
        for number in count(len(names)):
            name = f"new {number}"
            await registry.add_app(name, None, None)
            names.add(name)
            await registry.replace_credentials(name, None, None)

    task = asyncio.create_task(write())
    try:
        yield names
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def rotate(settings: Settings, clock: ManualClock, watching: Watching) -> Rotated:
    async with open_store(settings) as opened:
        return await Rotation(opened, clock, watching).run()


async def names_in(settings: Settings) -> set[str]:
    """What is found by somebody who opens the store now."""
    async with open_store(settings) as opened:
        return {app.name for app in (await opened.store.load()).apps}


async def keys_in_use(settings: Settings) -> set[str | None]:
    async with open_store(settings) as opened:
        found = await survey(opened.store.sealed, opened.vault, lambda things: None)
        return {key for of_kind in found.values() for key, things in of_kind.items() if things}


async def fill(settings: Settings) -> tuple[str, ...]:
    """Put many apps into the store; return the fingerprints of its keys."""
    async with open_store(settings) as opened:
        await opened.store.add(APPS)
        return opened.vault.fingerprints


async def beat(settings: Settings, **fields: Any) -> None:
    """Let a gateway that is not there beat."""
    async with open_store(settings) as opened:
        await opened.store.heartbeats.beat(heartbeat("stranger", **fields))


async def leave(settings: Settings) -> None:
    async with open_store(settings) as opened:
        await opened.store.heartbeats.leave("stranger")


async def test_where_no_gateway_runs_nobody_is_waited_for(local: Settings, clock: ManualClock, tmp_path: Path) -> None:
    (old,) = await fill(local)
    await beat(local, at=clock.now() - 3600.0)
    watching, path = Watching(), tmp_path / "data" / "encryption.keys"
    rotated = await rotate(local, clock, watching)
    assert (rotated.old, rotated.renewed) == ((old,), len(APPS) + 1)
    assert watching.lines == [
        f"The new key {rotated.primary} is in {path}.",
        f"The new key {rotated.primary} is the first in {path}.",
    ]
    assert watching.bars == ["Re-encrypting", "Checking"]
    assert watching.looked_at == 2 * (len(APPS) + 1)
    assert await keys_in_use(local) == {rotated.primary}
    assert await names_in(local) == NAMES


async def test_every_gateway_knows_the_new_key_before_one_writes_under_it(local: Settings, clock: ManualClock) -> None:
    known: dict[str, tuple[str, ...]] = {}
    async with running(local, clock, 2) as gateways, writing(gateways[0]) as names:
        (old,) = gateways[0].vault.fingerprints

        def look(what: str) -> None:
            known.setdefault(what, sum((gateway.vault.fingerprints for gateway in gateways), ()))

        watching = Watching(when=look)
        rotated = await rotate(local, clock, watching)
        assert await keys_in_use(local) == {rotated.primary}
        for gateway in gateways:
            said = set(names)
            await gateway.follower.check()
            assert gateway.follower.snapshot is not None
            assert gateway.follower.snapshot.app_names >= said
    first = next(line for line in watching.lines if "is the first in" in line)
    assert known[first].count(rotated.primary) == 2
    assert known["Re-encrypting"] == (rotated.primary, old) * 2
    assert any(line.startswith("Waiting for a gateway to know the new key") for line in watching.lines)
    assert any(line.startswith("Waiting for a gateway to write under the new key") for line in watching.lines)
    assert await names_in(local) >= names


async def test_a_rotation_of_key_files_can_break_off_anywhere(local: Settings, clock: ManualClock) -> None:
    await fill(local)
    is_interrupted = True
    for events in count():
        async with running(local, clock) as (gateway,), writing(gateway) as names:
            before = gateway.vault.fingerprints
            try:
                await rotate(local, clock, Watching(until=events))
            except InterruptedError:
                said = set(names)
                assert {app.name for app in (await gateway.store.load()).apps} >= said
                assert await names_in(local) >= said
                assert (await rotate(local, clock, Watching())).old == before
            else:
                is_interrupted = False
            await gateway.follower.check()
        (primary,) = await keys_in_use(local)
        assert primary not in before
        assert await names_in(local) >= names >= NAMES
        if not is_interrupted:
            break
    assert events > 8


async def test_keys_of_the_settings_are_rotated_in_three_steps_and_the_last_can_break_off_anywhere(
    given: Given, clock: ManualClock
) -> None:
    await fill(given(OLD))
    async with running(given(OLD, NEW), clock) as (gateway,), writing(gateway) as names:
        first = set(names)
    async with running(given(NEW, OLD), clock) as (gateway,), writing(gateway) as names:
        for events in count():
            try:
                rotated = await rotate(given(NEW, OLD), clock, Watching(until=events))
            except InterruptedError:
                said = set(names)
                assert {app.name for app in (await gateway.store.load()).apps} >= said
                assert await names_in(given(OLD, NEW)) >= said
            else:
                break
    assert events > 3
    assert (rotated.primary, rotated.old) == (gateway.vault.fingerprints[0], gateway.vault.fingerprints[1:])
    assert await names_in(given(NEW)) >= names >= first >= NAMES
    with pytest.raises(StoreKeyError):
        await names_in(given(OLD))


async def test_a_gateway_that_takes_no_notice_is_named_and_the_rotation_goes_on_later(
    local: Settings, clock: ManualClock
) -> None:
    (old,) = await fill(local)
    await beat(local, host="web1", at=clock.now() + 60 * WAIT_SECONDS, keys=(old,))
    watching = Watching()
    async with running(local, clock):
        with pytest.raises(RotationError, match=r"^web1 \(pid 77\) does not know the new key \w+ after 60 s; its log"):
            await rotate(local, clock, watching)
    (new,) = {line.split()[3] for line in watching.lines if "is in" in line}
    assert await keys_in_use(local) == {old}
    await beat(local, host="web1", at=clock.now() + 60 * WAIT_SECONDS, keys=(old, new))
    async with running(local, clock):
        with pytest.raises(RotationError, match=rf"^web1 \(pid 77\) does not write under the new key {new} after 60 s"):
            await rotate(local, clock, Watching())
    assert await keys_in_use(local) == {old}
    await leave(local)
    assert await rotate(local, clock, Watching()) == Rotated(new, (old,), len(APPS) + 1)


async def test_a_second_rotation_at_the_same_time_is_refused(local: Settings, clock: ManualClock) -> None:
    await fill(local)
    async with open_store(local) as opened:
        assert opened.key_files is not None
        lock = await asyncio.to_thread(opened.key_files.lock)
        with pytest.raises(RotationError, match="another command rotates the keys in"):
            await rotate(local, clock, Watching())
        await asyncio.to_thread(lock.close)
        assert len(opened.vault.fingerprints) == 1
    await rotate(local, clock, Watching())


STEPS = r"\(1\) add the new key at the end .* \(2\) move it to the front .* \(3\) run `push-gateway keys rotate`"


async def test_with_one_key_in_the_settings_it_is_said_how_to_begin(given: Given, clock: ManualClock) -> None:
    (old,) = await fill(given(OLD))
    with pytest.raises(RotationError, match=f"encryption.keys holds one key only, {old}. .*{STEPS}") as caught:
        await rotate(given(OLD), clock, Watching())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("knows_it", [False, True])
async def test_a_gateway_whose_settings_lag_behind_is_named_and_nothing_is_written(
    given: Given, clock: ManualClock, knows_it: bool
) -> None:
    (old,) = await fill(given(OLD))
    async with running(given(OLD, NEW) if knows_it else given(OLD), clock) as (gateway,):
        words = rf"\(pid \d+\) writes under {old}, not under" if knows_it else r"\(pid \d+\) does not know the key"
        async with asyncio.timeout(10):
            while not gateway.pulse.gateways:  # noqa: ASYNC110 - the store gives no event
                await asyncio.sleep(0)
        with pytest.raises(RotationError, match=f"nothing is rotated yet: .*{words} .*{STEPS}"):
            await rotate(given(NEW, OLD), clock, Watching())
    assert await keys_in_use(given(OLD)) == {old}


class Busy:
    """A store, seen by a rotation whose every sweep is passed by somebody who still writes under the old key."""

    def __init__(self, store: Store, late: Store, writes: int) -> None:
        self.heartbeats = store.heartbeats
        self.sealed = self
        self.count = store.sealed.count
        self.replace = store.sealed.replace
        self._page = store.sealed.page
        self._late = late
        self._writes = writes

    async def page(self, kind: str, after: Sealed | None, limit: int) -> list[Sealed]:
        page = await self._page(kind, after, limit)
        if not page and kind == KINDS[-1] and self._writes:
            self._writes -= 1
            await self._late.put_app(App(id=f"late {self._writes}", name=f"late {self._writes}"))
        return page


async def rotate_amid(given: Given, clock: ManualClock, writes: int, watching: Watching) -> Rotated:
    async with open_store(given(OLD, NEW)) as late, open_store(given(NEW, OLD)) as opened:
        busy = msgspec.structs.replace(opened, store=Busy(opened.store, late.store, writes))
        return await Rotation(busy, clock, watching).run()


@pytest.mark.parametrize("writes", [1, SWEEPS - 2])
async def test_what_is_written_under_an_old_key_meanwhile_is_gone_after(
    given: Given, clock: ManualClock, writes: int
) -> None:
    await fill(given(OLD))
    watching = Watching()
    rotated = await rotate_amid(given, clock, writes, watching)
    assert rotated.renewed == len(APPS) + 1 + writes
    assert watching.bars == ["Re-encrypting"] + ["Checking"] * (writes + 1)
    assert await keys_in_use(given(NEW, OLD)) == {rotated.primary}


async def test_who_writes_under_an_old_key_again_and_again_is_not_raced_for_ever(
    given: Given, clock: ManualClock
) -> None:
    await fill(given(OLD))
    with pytest.raises(RotationError, match=r"again and again .* find it with `push-gateway instances`"):
        await rotate_amid(given, clock, SWEEPS, Watching())
    assert (await rotate(given(NEW, OLD), clock, Watching())).renewed == 1


async def test_what_no_key_can_read_is_told_when_all_else_is_done(given: Given, clock: ManualClock) -> None:
    third = Fernet.generate_key().decode()
    await fill(given(OLD))
    async with open_store(given(third, OLD)) as opened:
        lost = await opened.store.put_app(App(id="lost", name="Lost"))
    with pytest.raises(RotationError, match=r"1 cannot be read by any of the keys, the rest lies under the first; put"):
        await rotate(given(NEW, OLD), clock, Watching())
    rotated = await rotate(given(NEW, OLD, third), clock, Watching())
    assert rotated.renewed == 1
    assert await names_in(given(NEW)) == NAMES | {lost.name}
