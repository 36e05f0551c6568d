"""The files a gateway is pointed with: what they hold, who may read them, and that keys are kept."""

import contextlib
import json
import ssl
import stat
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

from gateway.providers.simulator import Simulator
from gateway.providers.simulator.apple_certificate import AppleCertificate
from gateway.providers.simulator.certificates import KeyPair, private_pem
from gateway.providers.simulator.identity import Addresses, prepare_identity
from tests.providers.simulator.conftest import ANY_PORT

ADDRESSES = Addresses("https://127.0.0.1:1", "https://127.0.0.1:2", "https://127.0.0.1:3")
KEPT = ["ca.pem", "ca-key.pem", "AuthKey_SIMKEY0001.p8", "apns-certificate.pem"]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "new" / "data"
    prepare_identity(made, ADDRESSES, ["push.example.org", "10.0.0.1"])
    return made


def test_all_files_are_there_and_for_their_owner_alone(folder):
    assert set(contents(folder)) == {
        *KEPT,
        "server.pem",
        "service-account.json",
        "gateway.toml",
    }
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_a_second_run_keeps_the_keys(folder):
    before = contents(folder)
    prepare_identity(folder, Addresses("https://a", "https://b", "https://c"), [])
    after = contents(folder)
    assert {name: after[name] for name in KEPT} == {name: before[name] for name in KEPT}
    old, new = json.loads(before["service-account.json"]), json.loads(after["service-account.json"])
    assert new == old | {"token_uri": "https://c/token"}


@pytest.mark.parametrize("spoiled", [b"", b"{}", b'{"private_key_id": "x", "private_key": 5}', b"\xff"])
def test_spoiled_files_are_made_anew(folder, spoiled):
    for path in folder.iterdir():
        path.write_bytes(spoiled)
    prepare_identity(folder, ADDRESSES, [])
    authority = KeyPair.read((folder / "ca.pem").read_bytes(), (folder / "ca-key.pem").read_bytes())
    certificate = KeyPair.read(*[(folder / "apns-certificate.pem").read_bytes()] * 2).certificate
    certificate.verify_directly_issued_by(authority.certificate)
    assert json.loads((folder / "service-account.json").read_bytes())["type"] == "service_account"


def test_another_authority_means_another_certificate(folder):
    before = contents(folder)
    (folder / "ca.pem").unlink()
    prepare_identity(folder, ADDRESSES, [])
    after = contents(folder)
    assert before["apns-certificate.pem"] != after["apns-certificate.pem"]
    assert before["AuthKey_SIMKEY0001.p8"] == after["AuthKey_SIMKEY0001.p8"]


def test_keys_of_the_wrong_kind_are_not_kept(folder):
    wrong = private_pem(ec.generate_private_key(ec.SECP384R1()))
    account = json.loads((folder / "service-account.json").read_bytes())
    (folder / "AuthKey_SIMKEY0001.p8").write_bytes(wrong)
    (folder / "ca-key.pem").write_bytes(wrong)
    (folder / "service-account.json").write_text(json.dumps(account | {"private_key": wrong.decode()}))
    prepare_identity(folder, ADDRESSES, [])
    key = load_pem_private_key((folder / "AuthKey_SIMKEY0001.p8").read_bytes(), None)
    assert isinstance(key.curve, ec.SECP256R1)
    written = json.loads((folder / "service-account.json").read_bytes())["private_key"]
    assert isinstance(load_pem_private_key(written.encode(), None), rsa.RSAPrivateKey)


def test_the_apns_key_is_as_apple_hands_it_out(folder):
    pem = (folder / "AuthKey_SIMKEY0001.p8").read_bytes()
    assert pem.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert isinstance(load_pem_private_key(pem, None).curve, ec.SECP256R1)


def test_the_apns_certificate_is_as_apple_writes_it(folder):
    pem = (folder / "apns-certificate.pem").read_bytes()
    certificate = x509.load_pem_x509_certificate(pem)
    assert certificate.subject.get_attributes_for_oid(NameOID.USER_ID)[0].value == "chat.rocket.ios"
    read = AppleCertificate.read(certificate.public_bytes(Encoding.DER))
    assert read.topics == {"chat.rocket.ios", "chat.rocket.ios.voip"}
    assert read.environments == {"production", "sandbox"}


def test_the_service_account_is_as_google_hands_it_out(folder):
    account = json.loads((folder / "service-account.json").read_bytes())
    assert account["type"] == "service_account"
    assert account["project_id"] == "sim-project"
    assert account["client_email"].endswith(".iam.gserviceaccount.com")
    assert account["token_uri"] == "https://127.0.0.1:3/token"
    assert {"private_key_id", "private_key", "client_id", "auth_uri", "universe_domain"} <= account.keys()


def test_the_server_certificate_names_its_hosts(folder):
    certificate = x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"localhost", "push.example.org"}
    assert {str(ip) for ip in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "::1", "10.0.0.1"}


def test_the_settings_point_a_gateway_here(folder):
    settings = tomllib.loads((folder / "gateway.toml").read_text())
    assert settings == {
        "store": {"url": f"sqlite:///{folder}/gateway.db"},
        "providers": {
            "apns_production_url": "https://127.0.0.1:1",
            "apns_sandbox_url": "https://127.0.0.1:2",
            "fcm_url": "https://127.0.0.1:3",
            "ca_file": f"{folder}/ca.pem",
        },
    }
    assert settings["store"]["url"].startswith("sqlite:////")


def test_paths_in_the_settings_are_absolute(tmp_path):
    with contextlib.chdir(tmp_path):
        prepare_identity(Path("relative"), ADDRESSES, [])
    settings = tomllib.loads((tmp_path / "relative" / "gateway.toml").read_text())
    assert settings["providers"]["ca_file"] == str(tmp_path / "relative" / "ca.pem")


def test_python_trusts_the_authority_strictly(folder):
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    assert context.get_ca_certs()


def test_a_certificate_about_to_expire_is_not_kept():
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([]), datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(hours=23))
    pem = builder.sign(key, SHA256()).public_bytes(Encoding.PEM)
    with pytest.raises(ValueError, match="about to expire"):
        KeyPair.read(pem, private_pem(key))


def test_nothing_secret_is_in_a_repr(folder):
    pair = KeyPair.read((folder / "ca.pem").read_bytes(), (folder / "ca-key.pem").read_bytes())
    assert "PrivateKey" not in repr(pair)


@pytest.fixture
async def urls(data, clock) -> set[str]:
    async with Simulator(data, ANY_PORT, clock) as ran:
        return {ran.apns_url, ran.apns_sandbox_url, ran.fcm_url, ran.control_url}


def test_the_urls_in_the_settings_are_those_of_the_doors(data, urls):
    providers = tomllib.loads((data / "gateway.toml").read_text())["providers"]
    assert len(urls) == 4
    assert {providers[key] for key in ("apns_production_url", "apns_sandbox_url", "fcm_url")} < urls
    account = json.loads((data / "service-account.json").read_bytes())
    assert account["token_uri"] == providers["fcm_url"] + "/token"
