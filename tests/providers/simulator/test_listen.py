"""Addresses, and what happens when they cannot be had."""

import socket

import pytest

from gateway.providers.simulator import SimulatorListen
from gateway.providers.simulator.listen import bind_doors, split_address, url_of

FREE = "127.0.0.1:0"


@pytest.mark.parametrize(
    ("address", "split"),
    [
        ("127.0.0.1:8443", ("127.0.0.1", 8443)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:8443", ("::1", 8443)),
    ],
)
def test_addresses_are_split(address, split):
    assert split_address(address) == split


@pytest.mark.parametrize("address", ["", "8443", ":8443", "localhost", "localhost:", "localhost:65536", "::1:8443"])
def test_what_is_no_address_is_refused_by_its_door(address):
    with pytest.raises(ValueError, match=r"^fcm: expected HOST:PORT"):
        SimulatorListen(fcm=address)


def test_the_doors_have_their_ports_by_default():
    listen = SimulatorListen()
    assert (listen.apns, listen.apns_sandbox) == ("127.0.0.1:8443", "127.0.0.1:8444")
    assert (listen.fcm, listen.control) == ("127.0.0.1:8445", "127.0.0.1:8446")
    assert listen.hosts == {"127.0.0.1"}


def test_all_ports_or_none():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OSError, match=f"cannot listen on {address}: Address already in use"):
            bind_doors(SimulatorListen(FREE, FREE, FREE, address))


def test_a_host_nobody_knows_is_named():
    with pytest.raises(OSError, match=r"cannot listen on nobody\.invalid:0"):
        bind_doors(SimulatorListen("nobody.invalid:0", FREE, FREE, FREE))


@pytest.mark.parametrize(
    ("address", "url"),
    [("0.0.0.0:0", "http://127.0.0.1:"), ("127.0.0.1:0", "http://127.0.0.1:"), ("[::1]:0", "http://[::1]:")],
)
def test_a_url_is_one_that_can_be_called(address, url):
    doors = bind_doors(SimulatorListen(address, FREE, FREE, FREE))
    assert url_of(doors.apns, "http").startswith(url)
    doors.close()
