"""A simulator and a gateway to be measured, each in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.process import wait_for

PORTS = {
    "apns": 18443,
    "sandbox": 18444,
    "fcm": 18445,
    "control": 18446,
    "public": 18080,
    "operator": 18081,
    "bare": 18090,
}


class BenchSite:
    """What runs, and how to start more."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._config = ("-m", "gateway", "--config", str(folder / "gateway.toml"))
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start Python with these arguments; `stop` ends it."""
        process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._processes.append(process)
        return process

    def start_simulator(self) -> None:
        doors = (("apns", "apns"), ("apns-sandbox", "sandbox"), ("fcm", "fcm"), ("control", "control"))
        listen = [f"--{door}-listen=127.0.0.1:{PORTS[name]}" for door, name in doors]
        simulator = self.start("-m", "gateway", "simulate", *listen, "--data", str(self._folder))
        wait_for(PORTS["control"], simulator)

    def start_gateway(self) -> int:
        """Return its process id."""
        listen = (f"--listen=127.0.0.1:{PORTS['public']}", f"--operator-listen=127.0.0.1:{PORTS['operator']}")
        gateway = self.start(*self._config, "serve", *listen)
        wait_for(PORTS["operator"], gateway)
        return gateway.pid

    def add_app(self) -> None:
        """Add the app that all workspaces send to."""
        key = ("--apns-key", str(self._folder / "AuthKey_SIMKEY0001.p8"), "--apns-key-id", "SIMKEY0001")
        team = ("--apns-team-id", "SIMTEAM001", "--apns-topic", "chat.rocket.ios")
        fcm = ("--fcm-service-account", str(self._folder / "service-account.json"))
        self._command("app", "add", "app", *key, *team, *fcm)

    def add_workspace(self, name: str, *options: str) -> str:
        """Return its secret."""
        return str(json.loads(self._command("workspace", "add", name, "--app", "app", "--json", *options))["secret"])

    def _command(self, *arguments: str) -> bytes:
        return subprocess.run([sys.executable, *self._config, *arguments], check=True, capture_output=True).stdout

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.kill()
            process.wait()


@contextmanager
def bench_site(folder: Path) -> Iterator[BenchSite]:
    """Start the simulator and register the app; stop everything at the end."""
    site = BenchSite(folder)
    try:
        site.start_simulator()
        site.add_app()
        yield site
    finally:
        site.stop()
