"""A simulated Apple and Google that notes all it receives in a file, so that nothing is forgotten however much comes.

    python -m tests.crash.provider FOLDER APNS_PORT FCM_PORT CONTROL_PORT

SIGTERM ends it; started again on the same folder it goes on with the same file.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import msgspec

from gateway.cli.running import StopSignals, run
from gateway.model.clock import SystemClock
from gateway.observability.logging import configure_logging
from gateway.providers.simulator import Received, Simulator, SimulatorListen
from tests.crash.pushes import Reception

NOTES = "received.jsonl"
PAUSE = 0.2
"""Seconds between two looks at what came."""


def main() -> None:
    """Run until SIGTERM."""
    configure_logging("warning", "json")
    folder, *ports = sys.argv[1:]
    apns, fcm, control = (f"127.0.0.1:{port}" for port in ports)
    run(serve(Path(folder), SimulatorListen(apns, "127.0.0.1:0", fcm, control)))


async def serve(folder: Path, listen: SimulatorListen) -> None:
    signals = StopSignals()
    stopped = asyncio.create_task(signals.next())
    simulator = Simulator(folder, listen, SystemClock())
    with (folder / NOTES).open("ab") as notes:
        async with simulator:
            while not stopped.done():
                await asyncio.wait([stopped], timeout=PAUSE)
                note(simulator, notes)
        note(simulator, notes)


def note(simulator: Simulator, notes: Any) -> None:
    """Move what was received into the file."""
    received = simulator.received
    simulator.clear()
    notes.write(msgspec.json.Encoder().encode_lines(map(reception, received)))
    notes.flush()


class _Payload(msgspec.Struct):
    """An APNs body has `ejson` at its top, an FCM message in `data`."""

    ejson: str = ""
    data: dict[str, str] = {}


class _Ejson(msgspec.Struct, rename="camel"):
    message_id: str


_payload = msgspec.json.Decoder(_Payload).decode
_ejson = msgspec.json.Decoder(_Ejson).decode


def reception(received: Received) -> Reception:
    payload = _payload(received.raw_payload)
    return Reception(
        at=received.at,
        message_id=_ejson(payload.ejson or payload.data["ejson"]).message_id,
        status=received.status,
        apns_id=received.apns_id or "",
        is_answered=received.h2 is msgspec.UNSET,
    )


def read_notes(folder: Path) -> list[Reception]:
    """Read what was received, in the order of arrival; blocking."""
    return msgspec.json.Decoder(Reception).decode_lines((folder / NOTES).read_bytes())


if __name__ == "__main__":
    main()
