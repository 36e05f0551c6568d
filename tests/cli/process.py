"""The command line as a process of its own."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

PATIENCE = 30.0
"""Seconds until a process that does not do what it should fails the test."""


class Ended(NamedTuple):
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


async def push_gateway(
    *arguments: str | Path, folder: Path, env: dict[str, str] | None = None, answers: str | None = None
) -> Ended:
    """Run a command to its end; what it asks is answered with `answers`."""
    process = await _start(arguments, folder, env or {})
    out, err = await asyncio.wait_for(process.communicate(answers.encode() if answers else None), PATIENCE)
    return Ended(process.returncode or 0, out.decode(), err.decode())


async def _start(arguments: tuple[str | Path, ...], folder: Path, env: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        *map(str, arguments),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **env},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


class Served:
    """A command that goes on until it is told to stop; all it prints is kept."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self._more = asyncio.Condition()
        self._reading = [
            asyncio.create_task(self._read(stream)) for stream in (process.stdout, process.stderr) if stream
        ]

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while line := (await stream.readline()).decode():
            async with self._more:
                self.lines.append(line.rstrip())
                self._more.notify_all()

    async def line_with(self, pattern: str, times: int = 1) -> re.Match[str]:
        """Wait until it has printed `times` lines that match; return the last."""
        async with asyncio.timeout(PATIENCE), self._more:
            await self._more.wait_for(lambda: len(self._matches(pattern)) >= times)
            return self._matches(pattern)[times - 1]

    def _matches(self, pattern: str) -> list[re.Match[str]]:
        return [found for line in self.lines if (found := re.search(pattern, line))]

    async def ended(self) -> int:
        """Wait for its end."""
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*self._reading)
            return await self.process.wait()


@asynccontextmanager
async def serving(*arguments: str | Path, folder: Path, env: dict[str, str] | None = None) -> AsyncIterator[Served]:
    """Run a command while the block runs; it is killed at the end if it still lives."""
    served = Served(await _start(arguments, folder, env or {}))
    try:
        yield served
    finally:
        if served.process.returncode is None:
            served.process.kill()
        await served.ended()
