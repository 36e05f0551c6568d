"""Many writers share one write."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gateway.delivery.group_commit import GroupCommit
from gateway.model.errors import StoreError


class Disk:
    """Takes a batch when it is let; refuses it when told to."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_write = asyncio.Semaphore(0)
        self.fails = False

    async def write(self, batch: list[int]) -> None:
        self.batches.append(batch)
        await self.may_write.acquire()
        if self.fails:
            raise StoreError("full")


async def test_whoever_comes_during_a_write_is_in_the_next(until: Callable[..., Any]) -> None:
    disk = Disk()
    commit = GroupCommit(disk.write, 3)
    writers = [asyncio.create_task(commit.add(0))]
    await until(lambda: disk.batches)
    writers += [asyncio.create_task(commit.add(number)) for number in range(1, 6)]
    await until(lambda: all(not writer.done() for writer in writers))
    for _ in range(3):
        disk.may_write.release()
    await asyncio.gather(*writers)
    assert disk.batches == [[0], [1, 2, 3], [4, 5]]


async def test_nobody_is_told_before_it_is_written(until: Callable[..., Any]) -> None:
    disk = Disk()
    commit = GroupCommit(disk.write, 3)
    writer = asyncio.create_task(commit.add(0))
    await until(lambda: disk.batches)
    assert not writer.done()
    disk.may_write.release()
    await writer


async def test_a_write_that_fails_fails_for_its_own_writers_only(until: Callable[..., Any]) -> None:
    disk = Disk()
    commit = GroupCommit(disk.write, 2)
    writers = [asyncio.create_task(commit.add(number)) for number in range(2)]
    await until(lambda: disk.batches)
    disk.fails = True
    disk.may_write.release()
    results = await asyncio.gather(*writers, return_exceptions=True)
    assert [str(result) for result in results] == ["full", "full"]
    disk.fails = False
    disk.may_write.release()
    await commit.add(3)


async def test_who_gives_up_before_its_turn_is_not_written(until: Callable[..., Any]) -> None:
    disk = Disk()
    commit = GroupCommit(disk.write, 9)
    first = asyncio.create_task(commit.add(0))
    await until(lambda: disk.batches)
    second, third = (asyncio.create_task(commit.add(number)) for number in (1, 2))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    for _ in range(2):
        disk.may_write.release()
    await asyncio.gather(first, third)
    assert disk.batches == [[0], [2]]


async def test_who_gives_up_during_the_write_troubles_nobody(until: Callable[..., Any]) -> None:
    disk = Disk()
    commit = GroupCommit(disk.write, 9)
    first, second = (asyncio.create_task(commit.add(number)) for number in (1, 2))
    await until(lambda: disk.batches)
    first.cancel()
    disk.may_write.release()
    await second
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_where_all_have_given_up_nothing_is_written(until: Callable[..., Any]) -> None:
    disk = Disk()
    commit = GroupCommit(disk.write, 9)
    first = asyncio.create_task(commit.add(0))
    await until(lambda: disk.batches)
    second = asyncio.create_task(commit.add(1))
    await asyncio.sleep(0)
    second.cancel()
    for _ in range(3):
        disk.may_write.release()
    await first
    await commit.add(2)
    assert disk.batches == [[0], [2]]
