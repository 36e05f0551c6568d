from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.address import HostPort, IpAddress, Network, parse_address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        ("localhost:0", "localhost", 0),
        ("push.example.com:65535", "push.example.com", 65535),
        ("[::1]:8080", "::1", 8080),
        ("[::]:80", "::", 80),
    ],
)
def test_an_address_to_listen_on_is_read_and_written_alike(text: str, host: str, port: int) -> None:
    address = HostPort.parse(text)
    assert (address.host, address.port) == (host, port)
    assert str(address) == text
    assert repr(address) == f"HostPort({text})"


@pytest.mark.parametrize(
    "text",
    ["", ":", "8080", ":8080", "[]:8080", "localhost", "localhost:", "a:-1", "a:65536", "a:80 ", "a:eighty", "a:²"],
)
def test_what_is_no_address_to_listen_on_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Expected HOST:PORT such as 127\.0\.0\.1:8080, got ") as caught:
        HostPort.parse(text)
    assert repr(text) in str(caught.value)


@given(st.ip_addresses(), st.integers(0, 65535))
def test_every_ip_address_with_a_port_is_read_and_written_alike(address: IpAddress, port: int) -> None:
    written = str(HostPort(str(address), port))
    again = HostPort.parse(written)
    assert (ip_address(again.host), again.port, str(again)) == (address, port, written)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        (" 192.0.2.7 ", "192.0.2.7/32"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("2001:db8::7", "2001:db8::7/128"),
    ],
)
def test_a_range_is_read(text: str, written: str) -> None:
    assert str(Network.parse(text)) == written
    assert repr(Network.parse(text)) == f"Network({written})"


@pytest.mark.parametrize("text", ["", "everyone", "10.0.0.0/33", "10.0.0", "10.0.0.0/8/8", "fe80::/129"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Expected a range such as 10\.0\.0\.0/8 or an address, got ") as caught:
        Network.parse(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("address", "is_in"),
    [
        ("10.0.0.0", True),
        ("10.255.255.255", True),
        ("9.255.255.255", False),
        ("11.0.0.0", False),
        ("::ffff:10.0.0.1", True),
        ("2001:db8::1", False),
    ],
)
def test_a_range_holds_its_addresses_and_no_others(address: str, is_in: bool) -> None:
    parsed = parse_address(address)
    assert parsed is not None
    assert (parsed in Network.parse("10.0.0.0/8")) is is_in


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.7", IPv4Address("192.0.2.7")),
        (" 192.0.2.7 ", IPv4Address("192.0.2.7")),
        ("2001:db8::7", IPv6Address("2001:db8::7")),
        ("[2001:db8::7]", IPv6Address("2001:db8::7")),
        ("fe80::1%eth0", IPv6Address("fe80::1")),
        ("::ffff:192.0.2.7", IPv4Address("192.0.2.7")),
        ("[::ffff:c000:207]", IPv4Address("192.0.2.7")),
        ("", None),
        ("unknown", None),
        ("192.0.2.7:443", None),
        ("192.0.2.0/24", None),
        ("192.0.2.256", None),
    ],
)
def test_an_address_is_read_as_sockets_and_proxies_write_it(text: str, address: IpAddress | None) -> None:
    assert parse_address(text) == address


@given(st.text())
def test_reading_an_address_never_fails(text: str) -> None:
    address = parse_address(text)
    assert address is None or str(address)
