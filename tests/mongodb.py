"""Databases of a test's own on the MongoDB server of all tests."""

import os
import secrets
from collections.abc import Iterator

import pytest
from pymongo import MongoClient

from gateway.model.store_url import StoreUrl
from tests.servers.mongo import lacks, mongo


@pytest.fixture(scope="session")
def mongo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server, without a database: the one of MONGODB_URL, else one that is started."""
    if "MONGODB_URL" in os.environ:
        yield os.environ["MONGODB_URL"]
        return
    if lack := lacks():
        (pytest.fail if "CI" in os.environ else pytest.skip)(f"{lack}, and MONGODB_URL is not set")
    with mongo(tmp_path_factory.mktemp("mongo")) as server:
        yield f"mongodb://127.0.0.1:{server.port}/"


@pytest.fixture
def mongo_url(mongo_server: str) -> Iterator[StoreUrl]:
    """An empty database."""
    name = f"test_{secrets.token_hex(8)}"
    yield with_database(mongo_server, name)
    with MongoClient[dict[str, object]](mongo_server) as client:
        client.drop_database(name)


def with_database(server: str, name: str, options: str = "") -> StoreUrl:
    """Name a database in a server's URL, which may have options."""
    scheme, _, rest = server.partition("://")
    hosts, _, given = rest.partition("?")
    return StoreUrl(f"{scheme}://{hosts.rstrip('/')}/{name}?{'&'.join(filter(None, (given, options)))}".rstrip("?"))
