"""A server in a process of its own, on a port of 127.0.0.1."""

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 30.0
"""Seconds a server has to begin to accept."""


@dataclass(frozen=True)
class Running:
    """A server that accepts connections."""

    port: int


@contextmanager
def running(port: int, *command: str | Path) -> Iterator[Running]:
    """Run a server that listens on `port`; enter the block when it accepts, and end it with the block.

    Raises:
        RuntimeError: it ended before; with what it said.
        TimeoutError: it does not accept.
    """
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said)
        try:
            wait_for(port, process)
        except RuntimeError as error:
            said.seek(0)
            raise RuntimeError(f"{error}: {said.read().decode(errors='replace')}") from None
        else:
            yield Running(port)
        finally:
            process.kill()
            process.wait()


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until `process` listens.

    Raises:
        RuntimeError: it has ended.
        TimeoutError: nobody listens.
    """
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"ended with {process.returncode} before it listened on {port}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise TimeoutError(f"nobody listens on {port}")


def free_port() -> int:
    """Find a port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
