"""Which way out."""

from pathlib import Path

import pytest

from gateway.http2 import Proxy
from gateway.providers.egress import Egress

PROXY = Proxy("proxy.example.com", 3128)


@pytest.mark.parametrize(
    ("host", "no_proxy", "is_direct"),
    [
        ("api.push.apple.com", [], False),
        ("api.push.apple.com", ["api.push.apple.com"], True),
        ("API.push.apple.com", ["api.PUSH.apple.com."], True),
        ("api.push.apple.com", ["apple.com"], True),
        ("api.push.apple.com", [".apple.com"], True),
        ("apple.com", [".apple.com"], True),
        ("pineapple.com", ["apple.com"], False),
        ("api.push.apple.com", ["push"], False),
        ("api.push.apple.com", ["*"], True),
        ("api.push.apple.com", ["", "."], False),
        ("10.1.2.3", ["10.0.0.0/8"], True),
        ("11.1.2.3", ["10.0.0.0/8"], False),
        ("10.1.2.3", ["10.1.2.3"], True),
        ("10.1.2.3", ["example.com"], False),
        ("::1", ["example.com", "::1"], True),
        ("2001:db8::7", ["2001:db8::/32"], True),
        ("2001:db8::7", ["10.0.0.0/8"], False),
        ("localhost", ["localhost"], True),
    ],
)
def test_hosts_that_are_reached_without_the_proxy(host: str, no_proxy: list[str], is_direct: bool) -> None:
    assert Egress("", PROXY, no_proxy).proxy_to(host) == (None if is_direct else PROXY)


def test_without_a_proxy_every_host_is_reached_directly() -> None:
    assert Egress().proxy_to("fcm.googleapis.com") is None


def test_all_who_show_no_certificate_share_one_context(ca_file: str) -> None:
    egress = Egress(ca_file)
    assert egress.tls() is egress.tls()
    assert egress.own_tls() is not egress.tls()
    assert egress.own_tls() is not egress.own_tls()


def test_a_file_of_authorities_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Egress(str(tmp_path / "missing.pem")).tls()
