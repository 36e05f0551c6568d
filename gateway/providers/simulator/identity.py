"""The keys and certificates the simulator stands on, and the files that hand them to a gateway."""

import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from gateway.providers.simulator.apple_certificate import apple_extensions
from gateway.providers.simulator.certificates import (
    KeyPair,
    new_authority,
    new_client_certificate,
    new_server_certificate,
    private_pem,
)

APNS_KEY_ID = "SIMKEY0001"
APNS_TEAM_ID = "SIMTEAM001"
APNS_TOPIC = "chat.rocket.ios"
FCM_PROJECT_ID = "sim-project"
FCM_CLIENT_EMAIL = f"push-gateway@{FCM_PROJECT_ID}.iam.gserviceaccount.com"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class ServiceAccount:
    """What Google knows of a service account: all but its private key."""

    key_id: str
    public_key: rsa.RSAPublicKey
    token_uri: str
    client_email: str = FCM_CLIENT_EMAIL
    project_id: str = FCM_PROJECT_ID


@dataclass(frozen=True)
class Addresses:
    """The URLs of the doors, as a gateway reaches them."""

    apns: str
    apns_sandbox: str
    fcm: str

    @property
    def token_uri(self) -> str:
        """Google's OAuth endpoint."""
        return f"{self.fcm}/token"


@dataclass(frozen=True)
class Identity:
    """What the doors need to know each caller by, and to be known by."""

    apns_public_key: ec.EllipticCurvePublicKey
    service_account: ServiceAccount
    authority_pem: str = field(repr=False)
    server_pem: Path


def prepare_identity(data: Path, addresses: Addresses, hosts: Iterable[str]) -> Identity:
    """Write all files into `data`, keeping the keys that valid files there hold already. Blocks.

    Written are `ca.pem`, `ca-key.pem`, `server.pem`, `AuthKey_SIMKEY0001.p8`, `apns-certificate.pem`,
    `service-account.json` and `gateway.toml`. Files with private keys are for their owner alone, and so is the folder
    where it is made here.

    Raises:
        OSError: the folder cannot be written.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = _authority(data)
    server = new_server_certificate(authority, LOOPBACK.union(hosts))
    _write(data / "server.pem", server.certificate_pem + server.key_pem)
    _apns_certificate(data / "apns-certificate.pem", authority)
    identity = Identity(
        apns_public_key=_apns_key(data / f"AuthKey_{APNS_KEY_ID}.p8").public_key(),
        service_account=_service_account(data / "service-account.json", addresses.token_uri),
        authority_pem=authority.certificate_pem.decode(),
        server_pem=data / "server.pem",
    )
    _write(data / "gateway.toml", _settings(data, addresses).encode())
    return identity


def _write(path: Path, content: bytes) -> None:
    """Replace a file in one step; nobody else can read it at any time."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    unfinished.replace(path)


def _authority(data: Path) -> KeyPair:
    try:
        return KeyPair.read((data / "ca.pem").read_bytes(), (data / "ca-key.pem").read_bytes())
    except (FileNotFoundError, ValueError):
        authority = new_authority()
        _write(data / "ca-key.pem", authority.key_pem)
        _write(data / "ca.pem", authority.certificate_pem)
        return authority


def _apns_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (FileNotFoundError, ValueError):
        key = None
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    fresh = ec.generate_private_key(ec.SECP256R1())
    _write(path, private_pem(fresh))
    return fresh


def _apns_certificate(path: Path, authority: KeyPair) -> None:
    try:
        pem = path.read_bytes()
        KeyPair.read(pem, pem).certificate.verify_directly_issued_by(authority.certificate)
    except Exception:  # missing, unreadable, or signed by another authority, each told by another exception
        topics = [(APNS_TOPIC, "app"), (f"{APNS_TOPIC}.voip", "voip")]
        pair = new_client_certificate(authority, APNS_TOPIC, apple_extensions(topics))
        _write(path, pair.certificate_pem + pair.key_pem)


def _service_account(path: Path, token_uri: str) -> ServiceAccount:
    """Keep the key; the rest is written anew, for the port may be another."""
    try:
        written = json.loads(path.read_bytes())
        key_id, key = str(written["private_key_id"]), load_pem_private_key(written["private_key"].encode(), None)
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        key_id, key = secrets.token_hex(20), None
    if not isinstance(key, rsa.RSAPrivateKey):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    _write(path, _service_account_json(key_id, key, token_uri))
    return ServiceAccount(key_id, key.public_key(), token_uri)


def _service_account_json(key_id: str, key: rsa.RSAPrivateKey, token_uri: str) -> bytes:
    content = {
        "type": "service_account",
        "project_id": FCM_PROJECT_ID,
        "private_key_id": key_id,
        "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "client_email": FCM_CLIENT_EMAIL,
        "client_id": "100000000000000000001",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": token_uri,
        "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
        "client_x509_cert_url": f"https://www.googleapis.com/robot/v1/metadata/x509/{FCM_CLIENT_EMAIL}",
        "universe_domain": "googleapis.com",
    }
    return json.dumps(content, indent=2).encode()


def _settings(data: Path, addresses: Addresses) -> str:
    """Settings of a gateway that sends to these doors; a JSON string is a TOML string, too."""
    folder = data.resolve()
    sections = {
        "store": {"url": f"sqlite:///{folder}/gateway.db"},
        "providers": {
            "apns_production_url": addresses.apns,
            "apns_sandbox_url": addresses.apns_sandbox,
            "fcm_url": addresses.fcm,
            "ca_file": f"{folder}/ca.pem",
        },
    }
    return "\n".join(_section(name, values) for name, values in sections.items())


def _section(name: str, values: dict[str, str]) -> str:
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items()]
    return "".join([f"[{name}]\n", *lines])
