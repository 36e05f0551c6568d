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


async def push_gateway(*arguments: str | Path, folder: Path, env: dict[str, str] | None = None) -> Ended:
    """Run a command to its end."""
    process = await _start(arguments, folder, env or {})
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    return Ended(process.returncode or 0, out.decode(), err.decode())


async def _start(arguments: tuple[str | Path, ...], folder: Path, env: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        *map(str, arguments),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


class Served:
    """A command that goes on until it is told to stop."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def line_with(self, pattern: str, stream: str = "stderr") -> re.Match[str]:
        """Wait for a line of its output."""
        async with asyncio.timeout(PATIENCE):
            reader = getattr(self.process, stream)
            while line := (await reader.readline()).decode():
                self.lines.append(line)
                if found := re.search(pattern, line):
                    return found
        raise AssertionError(f"no line with {pattern!r} in {self.lines}")

    async def ended(self) -> int:
        """Wait for its end."""
        out, err = await asyncio.wait_for(self.process.communicate(), PATIENCE)
        self.lines += (out + err).decode().splitlines()
        return self.process.returncode or 0


@asynccontextmanager
async def serving(*arguments: str | Path, folder: Path, env: dict[str, str] | None = None) -> AsyncIterator[Served]:
    """Run a command while the block runs; it is killed at the end if it still lives."""
    process = await _start(arguments, folder, env or {})
    try:
        yield Served(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
