"""Programs as processes of their own, made to be killed and started again."""

import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import aiohttp

PATIENCE = 30.0
"""Seconds until a process that does not do what it should fails the test."""
PAUSE = 0.02
"""Seconds between two looks at whether it is ready."""
LAST_WORDS = 2_000
"""Characters of what a process said that are shown when it fails."""
ROOT = Path(__file__).parents[2]


class NotReady(Exception):
    """A process ended, or does not get ready; the message is the last it said."""


class Program:
    """A Python module run with the same arguments each time; all it says goes into one file.

    Args:
        output: the file.
        arguments: the module, and what stands behind it on the command line.
        ready: a URL that answers 200 as soon as it can be used.
        env: what its environment has beside ours. Coverage is not measured: it would slow down what is loaded.
    """

    def __init__(self, output: Path, arguments: Sequence[str], ready: str, env: Mapping[str, str]) -> None:
        self.output = output
        self._arguments = arguments
        self._ready = ready
        ours = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
        self._env = {**ours, "PYTHONPATH": str(ROOT), **env}
        self._process: asyncio.subprocess.Process | None = None

    async def spawn(self) -> None:
        """Start the process and do not wait for it."""
        with self.output.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *self._arguments,
                cwd=self.output.parent,
                env=self._env,
                stdout=output,
                stderr=output,
            )

    async def ready(self) -> None:
        """Wait until it can be used.

        Raises:
            NotReady: it has ended, or takes too long.
        """
        end = time.monotonic() + PATIENCE
        async with aiohttp.ClientSession() as session:
            while not await _answers(session, self._ready):
                if time.monotonic() > end or self._process is None or self._process.returncode is not None:
                    raise NotReady(self.output.read_text()[-LAST_WORDS:])
                await asyncio.sleep(PAUSE)

    async def start(self) -> None:
        """Start it and wait until it can be used."""
        await self.spawn()
        await self.ready()

    async def kill(self) -> None:
        """End it as a power failure would (SIGKILL); harmless when it has ended."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> None:
        """End it as an administrator would (SIGTERM); harmless when it has ended."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            async with asyncio.timeout(PATIENCE):
                await self._process.wait()


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False
