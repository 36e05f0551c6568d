"""A MongoDB server: mongod where it is installed, else mongo-java-server, which speaks its protocol.

`python -m tests.servers.mongo` fetches what the latter needs.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.process import Running, free_port, running

SOURCES = Path(__file__).with_name("mongo_java_server")
CACHE = (
    Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "push-gateway-tests" / "mongo-java-server-1.47.0"
)


def lacks() -> str | None:
    """Say what is missing to run one; None when nothing is."""
    if shutil.which("mongod") or (shutil.which("javac") and shutil.which("mvn")):
        return None
    return "neither mongod nor javac and mvn are installed"


@contextmanager
def mongo(folder: Path, port: int | None = None) -> Iterator[Running]:
    """Run one that keeps its data in `folder`, so that another on the same finds them again."""
    port = port or free_port()
    if shutil.which("mongod"):
        command = ("mongod", "--dbpath", folder, "--bind_ip", "127.0.0.1", "--port", str(port))
    else:
        command = ("java", "-cp", f"{libraries()}/*", SOURCES / "MongoServer.java", str(port), folder / "data")
    with running(port, *command) as server:
        yield server


def libraries() -> Path:
    """Return the folder with mongo-java-server, fetched once for all."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (CACHE / "complete").exists():
            copy = ("dependency:copy-dependencies", f"-DoutputDirectory={CACHE}")
            subprocess.run(("mvn", "-q", "-B", "-f", SOURCES / "pom.xml", *copy), check=True)
            (CACHE / "complete").touch()
    return CACHE


if __name__ == "__main__":
    libraries()
