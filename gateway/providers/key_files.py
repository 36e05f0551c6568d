"""Key files as Apple and Google hand them out, read and checked before they are stored.

A wrong file is refused with what it is and what was wanted: most gateways that "send nothing" hold the wrong one.
"""

import re
import ssl

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)

from gateway.http2 import Origin
from gateway.model.app import ApnsCredentials, ApnsEnvironment, FcmCredentials
from gateway.model.errors import CredentialsError
from gateway.providers.credentials import checked_topics, sealed
from gateway.providers.tls import with_certificate

_PrivateKey = EllipticCurvePrivateKey | RSAPrivateKey
_PROJECT_ID = re.compile(r"[A-Za-z0-9.:-]{1,100}")
_APPLE_ID = re.compile(r"[A-Z0-9]{10}")


class KeyFile(msgspec.Struct, frozen=True):
    """A file as an operator gave it: its name for messages, its bytes, the passphrase it may need."""

    name: str
    content: bytes
    passphrase: bytes | None = None

    def __repr__(self) -> str:
        return f"KeyFile({self.name!r})"

    def refuse(self, wanted: str, what: str = "") -> CredentialsError:
        """Return the error that says what the file is and what was wanted."""
        return CredentialsError(f"{self.name} is {what or describe(self.content)}; wanted {wanted}")


def describe(content: bytes) -> str:
    """Say what a file is, in the words of whoever downloaded it."""
    text = content.decode("utf-8", "replace")
    for mark, name in _MARKS:
        if mark in text:
            return name
    if not content.strip():
        return "an empty file"
    if content.startswith(b"\x30"):
        return "a binary file: PKCS#12 (.p12) or DER"
    return "a file of an unknown kind"


_MARKS = (
    ('"project_info"', "google-services.json, the file for the Android app"),
    ('"service_account"', "a Google service account file"),
    ('"installed"', "a Google OAuth client file"),
    ('"web"', "a Google OAuth client file"),
    ("GOOGLE_APP_ID", "GoogleService-Info.plist, the file for the iOS app"),
    ("BEGIN ENCRYPTED PRIVATE KEY", "an encrypted private key"),
    ("Proc-Type: 4,ENCRYPTED", "an encrypted private key"),
    ("BEGIN RSA PRIVATE KEY", "an RSA private key"),
    ("BEGIN EC PRIVATE KEY", "an EC private key"),
    ("BEGIN PRIVATE KEY", "a private key"),
    ("BEGIN CERTIFICATE REQUEST", "a certificate request"),
    ("BEGIN CERTIFICATE", "a certificate"),
    ("BEGIN PUBLIC KEY", "a public key"),
)


def read_apns_key(
    file: KeyFile, key_id: str, team_id: str, topics: tuple[str, ...], environment: ApnsEnvironment
) -> ApnsCredentials:
    """Read Apple's `AuthKey_<KEYID>.p8`.

    Raises:
        CredentialsError: another kind of file, a wrong id, no topic.
    """
    wanted = "Apple's AuthKey_<KEYID>.p8 (Apple developer account, Keys, with APNs enabled)"
    key = _private_key(file, wanted)
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise file.refuse(wanted, "a private key of another kind than Apple's (EC P-256)")
    _check_apple_id("--apns-key-id", key_id)
    _check_apple_id("--apns-team-id", team_id)
    if not topics:
        raise CredentialsError("a key needs --apns-topic with the app's bundle id, such as com.example.chat")
    return sealed(
        ApnsCredentials(
            topics=checked_topics(topics), environment=environment, key=_pem(key), key_id=key_id, team_id=team_id
        )
    )


def read_apns_certificate(
    file: KeyFile, topics: tuple[str, ...], environment: ApnsEnvironment, now: float
) -> ApnsCredentials:
    """Read an APNs certificate with its private key: one PEM file, or the .p12 that Keychain exports.

    Without `topics` the certificate's own (the UID of its subject) is taken.

    Raises:
        CredentialsError: another kind of file, no key in it, expired, no topic to be found.
    """
    certificate, key = _certificate_and_key(file)
    starts, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if ends.timestamp() <= now:
        raise file.refuse(
            "one that is valid; renew it in the Apple developer account", f"a certificate expired on {ends:%Y-%m-%d}"
        )
    if starts.timestamp() > now:
        raise file.refuse(
            "one that is valid; is this machine's clock right?", f"a certificate valid from {starts:%Y-%m-%d} on"
        )
    topics = topics or _topics_of(certificate)
    if not topics:
        raise CredentialsError(f"{file.name} names no topic; give the app's bundle id: --apns-topic or topics")
    return sealed(
        ApnsCredentials(
            topics=checked_topics(topics),
            environment=environment,
            certificate=certificate.public_bytes(Encoding.PEM).decode(),
            certificate_key=_pem(key),
            expires_at=ends.timestamp(),
        )
    )


def read_fcm_service_account(file: KeyFile) -> FcmCredentials:
    """Read the JSON key of a Google service account.

    Raises:
        CredentialsError: another kind of file, or one with parts missing.
    """
    wanted = "a service account's JSON key (Firebase console, Project settings, Service accounts)"
    try:
        account = msgspec.json.decode(file.content, type=_ServiceAccount)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        what = f"a damaged service account file ({error})" if b'"service_account"' in file.content else ""
        raise file.refuse(wanted, what) from None
    if account.type != "service_account":
        raise file.refuse(wanted)
    _check_account(file, account, wanted)
    key = _private_key(KeyFile(f"private_key in {file.name}", account.private_key.encode()), wanted)
    if not isinstance(key, RSAPrivateKey):
        raise file.refuse(wanted, "a service account file whose private_key is not an RSA key")
    credentials = FcmCredentials(
        project_id=account.project_id, client_email=account.client_email, service_account=file.content.decode()
    )
    return sealed(credentials)


def _check_account(file: KeyFile, account: "_ServiceAccount", wanted: str) -> None:
    if not _PROJECT_ID.fullmatch(account.project_id):
        raise file.refuse(wanted, "a service account file whose project_id is not one")
    try:
        Origin.parse(account.token_uri)
    except ValueError:
        raise file.refuse(wanted, "a service account file whose token_uri is not an https URL") from None


class _ServiceAccount(msgspec.Struct):
    type: str
    project_id: str
    private_key: str
    client_email: str
    token_uri: str

    def __repr__(self) -> str:
        return f"_ServiceAccount({self.project_id!r})"


def _private_key(file: KeyFile, wanted: str) -> _PrivateKey:
    """Load a PEM private key of a kind Apple or Google uses."""
    encrypted = b"ENCRYPTED" in file.content
    try:
        key = load_pem_private_key(file.content, file.passphrase)
    except TypeError:
        if encrypted:
            raise file.refuse("it with its passphrase: --apns-passphrase-file or passphrase_file") from None
        raise file.refuse("it without a passphrase", "not encrypted, but a passphrase was given") from None
    except (ValueError, UnsupportedAlgorithm):
        what = "encrypted with another passphrase" if encrypted and file.passphrase else ""
        raise file.refuse(wanted, what) from None
    if not isinstance(key, _PrivateKey):
        raise file.refuse(wanted, "a private key of a kind that neither Apple nor Google uses")
    return key


def _certificate_and_key(file: KeyFile) -> tuple[x509.Certificate, _PrivateKey]:
    wanted = "an APNs certificate with its private key: a PEM file with both, or a .p12"
    if file.content.startswith(b"\x30"):
        return _open_p12(file, wanted)
    if b"BEGIN CERTIFICATE-----" not in file.content:
        raise file.refuse(wanted)
    if b"PRIVATE KEY-----" not in file.content:
        raise file.refuse(wanted, "a certificate without its private key")
    try:
        certificate = x509.load_pem_x509_certificate(file.content)
    except ValueError:
        raise file.refuse(wanted, "a damaged certificate") from None
    return _matching(file, certificate, _private_key(file, wanted))


def _open_p12(file: KeyFile, wanted: str) -> tuple[x509.Certificate, _PrivateKey]:
    try:
        key, certificate, _ = pkcs12.load_key_and_certificates(file.content, file.passphrase)
    except ValueError:
        what = "not a .p12, or its passphrase is another (--apns-passphrase-file or passphrase_file)"
        raise file.refuse(wanted, what) from None
    if certificate is None or not isinstance(key, _PrivateKey):
        raise file.refuse(wanted, "a .p12 that lacks the certificate or its private key")
    return _matching(file, certificate, key)


def _matching(file: KeyFile, certificate: x509.Certificate, key: _PrivateKey) -> tuple[x509.Certificate, _PrivateKey]:
    if certificate.public_key() != key.public_key():
        raise file.refuse("the key that belongs to the certificate", "a certificate with another one's private key")
    _check_with_openssl(file, certificate, key)
    return certificate, key


def _check_with_openssl(file: KeyFile, certificate: x509.Certificate, key: _PrivateKey) -> None:
    """Try now what every connection will do, such as refusing keys that are too small."""
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        with_certificate(context, certificate.public_bytes(Encoding.PEM).decode(), _pem(key))
    except ssl.SSLError as error:
        raise file.refuse("one that TLS takes", f"a certificate or key that OpenSSL refuses ({error.reason})") from None


def _topics_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """Apple writes the topic into the subject's UID."""
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.USER_ID)
    return tuple(str(name.value).removesuffix(".voip") for name in names)


def _check_apple_id(option: str, value: str) -> None:
    if not _APPLE_ID.fullmatch(value):
        raise CredentialsError(f"{option} {value!r} is not one of Apple's ids: ten capital letters and digits")


def _pem(key: _PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
