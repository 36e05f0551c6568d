"""TLS towards Apple and Google: verified, never old."""

import ssl
from pathlib import Path

import pytest

from gateway.providers.tls import client_context, with_certificate


@pytest.fixture
def pem(identity: Path) -> str:
    """The simulator's client certificate and its key."""
    return (identity / "apns-certificate.pem").read_text()


@pytest.mark.parametrize("is_own", [True, False], ids=["own authority", "the system's"])
def test_the_peer_is_verified_by_name_over_tls_1_2_at_least(ca_file: str, is_own: bool) -> None:
    context = client_context(ca_file if is_own else "")
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_authorities_of_ones_own_are_the_only_ones(ca_file: str) -> None:
    (trusted,) = client_context(ca_file).get_ca_certs()
    assert dict(name[0] for name in trusted["subject"])["organizationName"].startswith("trustme")


def test_a_file_of_authorities_that_is_missing_or_empty_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        client_context(str(tmp_path / "missing.pem"))
    (tmp_path / "empty.pem").write_text("")
    with pytest.raises(OSError, match=r"NO_CERTIFICATE|no certificate"):
        client_context(str(tmp_path / "empty.pem"))


def test_a_certificate_is_taken_with_its_own_key_only(pem: str, identity: Path) -> None:
    context = ssl.create_default_context()
    assert with_certificate(context, pem, "") is context
    certificate = pem[: pem.index("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----\n"
    strange = (identity / "ca-key.pem").read_text()
    with pytest.raises(ssl.SSLError, match=r"KEY_VALUES_MISMATCH|key values mismatch"):
        with_certificate(context, certificate, strange)
