"""Key files as Apple and Google hand them out: which are taken, and what is said of the others."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)

from gateway.model.app import ApnsCredentials, ApnsEnvironment, FcmCredentials
from gateway.model.errors import CredentialsError
from gateway.providers.credentials import with_environment, with_topics
from gateway.providers.key_files import KeyFile, read_apns_certificate, read_apns_key, read_fcm_service_account

NOW = datetime(2027, 1, 15, tzinfo=UTC)
DAY = timedelta(days=1)
KEY_ID, TEAM_ID, TOPIC = "ABC1234567", "TEAM123456", "com.example.chat"
P8_WANTED = "wanted Apple's AuthKey_<KEYID>.p8 (Apple developer account, Keys, with APNs enabled)"
CERTIFICATE_WANTED = "wanted an APNs certificate with its private key: a PEM file with both, or a .p12"
ACCOUNT_WANTED = "wanted a service account's JSON key (Firebase console, Project settings, Service accounts)"

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem(key: Key, form: PrivateFormat = PrivateFormat.PKCS8, passphrase: bytes | None = None) -> bytes:
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, form, encryption)


def certificate(
    *,
    starts: datetime = NOW - DAY,
    ends: datetime = NOW + DAY,
    uid: str | None = TOPIC,
    key: rsa.RSAPrivateKey | None = None,
) -> x509.Certificate:
    key = key or rsa_key()
    named = [x509.NameAttribute(x509.NameOID.COMMON_NAME, "Apple Push Services")]
    name = x509.Name([*named, x509.NameAttribute(x509.NameOID.USER_ID, uid)] if uid else named)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
    dated = builder.not_valid_before(starts).not_valid_after(ends)
    return dated.public_key(key.public_key()).sign(key, SHA256())


def certificate_pem(**changed: Any) -> bytes:
    return certificate(**changed).public_bytes(Encoding.PEM)


def p12(
    encryption: KeySerializationEncryption | None = None,
    key: rsa.RSAPrivateKey | None = None,
    holding: x509.Certificate | None = None,
) -> bytes:
    return pkcs12.serialize_key_and_certificates(b"push", key, holding, None, encryption or NoEncryption())


def full_p12(passphrase: bytes | None = None) -> bytes:
    return p12(BestAvailableEncryption(passphrase) if passphrase else None, rsa_key(), certificate())


def service_account(**changed: Any) -> bytes:
    account = {
        "type": "service_account",
        "project_id": "example-chat",
        "private_key_id": "0123",
        "private_key": pem(rsa_key()).decode(),
        "client_email": "push@example-chat.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.example.com/token",
        **changed,
    }
    return json.dumps({key: value for key, value in account.items() if value is not None}).encode()


GOOGLE_SERVICES = b'{"project_info": {"project_number": "1"}, "client": []}'
GOOGLE_SERVICE_INFO = b"<plist><dict><key>GOOGLE_APP_ID</key><string>1:1:ios:1</string></dict></plist>"


def key_credentials(
    content: bytes,
    passphrase: bytes | None = None,
    key_id: str = KEY_ID,
    team_id: str = TEAM_ID,
    topics: tuple[str, ...] = (TOPIC,),
    environment: ApnsEnvironment = ApnsEnvironment.PRODUCTION,
) -> ApnsCredentials:
    return read_apns_key(KeyFile("given.file", content, passphrase), key_id, team_id, topics, environment)


def certificate_credentials(
    content: bytes,
    passphrase: bytes | None = None,
    topics: tuple[str, ...] = (),
    environment: ApnsEnvironment = ApnsEnvironment.PRODUCTION,
) -> ApnsCredentials:
    return read_apns_certificate(KeyFile("given.file", content, passphrase), topics, environment, NOW.timestamp())


def account_credentials(content: bytes) -> FcmCredentials:
    return read_fcm_service_account(KeyFile("given.file", content))


def refusal(read: Callable[[], object]) -> str:
    with pytest.raises(CredentialsError) as caught:
        read()
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


def public_half(pem_text: str) -> object:
    return load_pem_private_key(pem_text.encode(), None).public_key()


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("passphrase", [None, b"open sesame"])
def test_a_p8_is_taken_with_or_without_a_passphrase(form: PrivateFormat, passphrase: bytes | None) -> None:
    credentials = key_credentials(pem(ec_key(), form, passphrase), passphrase)
    assert public_half(credentials.key) == ec_key().public_key()
    assert (credentials.key_id, credentials.team_id, credentials.topics) == (KEY_ID, TEAM_ID, (TOPIC,))
    assert (credentials.certificate, credentials.certificate_key, credentials.expires_at) == ("", "", None)
    assert credentials.fingerprint


@pytest.mark.parametrize(
    ("content", "passphrase"),
    [
        (lambda: pem(rsa_key()) + certificate_pem(), None),
        (lambda: certificate_pem() + pem(rsa_key()), None),
        (lambda: certificate_pem() + pem(rsa_key(), PrivateFormat.TraditionalOpenSSL), None),
        (lambda: certificate_pem() + pem(rsa_key(), passphrase=b"open sesame"), b"open sesame"),
        (full_p12, None),
        (lambda: full_p12(b"open sesame"), b"open sesame"),
        (
            lambda: p12(
                PrivateFormat.PKCS12.encryption_builder()
                .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
                .build(b"open sesame"),
                rsa_key(),
                certificate(),
            ),
            b"open sesame",
        ),
    ],
    ids=[
        "key first",
        "key last",
        "old key",
        "encrypted key",
        "p12",
        "p12 with passphrase",
        "p12 of older tools",
    ],
)
def test_a_certificate_is_taken_with_its_key(content: Callable[[], bytes], passphrase: bytes | None) -> None:
    credentials = certificate_credentials(content(), passphrase)
    assert x509.load_pem_x509_certificate(credentials.certificate.encode()).public_key() == rsa_key().public_key()
    assert public_half(credentials.certificate_key) == rsa_key().public_key()
    assert credentials.topics == (TOPIC,)
    assert credentials.expires_at == (NOW + DAY).timestamp()
    assert (credentials.key, credentials.key_id, credentials.team_id) == ("", "", "")
    assert credentials.fingerprint


def test_a_service_account_is_taken_as_it_is() -> None:
    credentials = account_credentials(service_account(extra="kept"))
    assert credentials.service_account == service_account(extra="kept").decode()
    assert credentials.project_id == "example-chat"
    assert credentials.client_email == "push@example-chat.iam.gserviceaccount.com"
    assert credentials.fingerprint


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (lambda: GOOGLE_SERVICES, "google-services.json, the file for the Android app"),
        (lambda: GOOGLE_SERVICE_INFO, "GoogleService-Info.plist, the file for the iOS app"),
        (service_account, "a Google service account file"),
        (full_p12, "a binary file: PKCS#12 (.p12) or DER"),
        (certificate_pem, "a certificate"),
        (lambda: b"-----BEGIN CERTIFICATE REQUEST-----\n", "a certificate request"),
        (lambda: b"-----BEGIN PUBLIC KEY-----\n", "a public key"),
        (lambda: b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "a private key"),
        (lambda: b"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", "an EC private key"),
        (lambda: pem(rsa_key()), "a private key of another kind than Apple's (EC P-256)"),
        (
            lambda: pem(ec.generate_private_key(ec.SECP384R1())),
            "a private key of another kind than Apple's (EC P-256)",
        ),
        (
            lambda: pem(ed25519.Ed25519PrivateKey.generate()),
            "a private key of a kind that neither Apple nor Google uses",
        ),
        (lambda: b"", "an empty file"),
        (lambda: b" \n", "an empty file"),
        (lambda: b"shopping list", "a file of an unknown kind"),
        (lambda: b"\xff\x00\xfe", "a file of an unknown kind"),
    ],
)
def test_another_file_is_refused_as_p8(content: Callable[[], bytes], what: str) -> None:
    assert refusal(lambda: key_credentials(content())) == f"given.file is {what}; {P8_WANTED}"


def test_a_passphrase_beside_another_file_does_not_hide_what_it_is() -> None:
    message = refusal(lambda: key_credentials(GOOGLE_SERVICES, b"open sesame"))
    assert message == f"given.file is google-services.json, the file for the Android app; {P8_WANTED}"


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("passphrase", [None, b""])
def test_an_encrypted_key_needs_its_passphrase(form: PrivateFormat, passphrase: bytes | None) -> None:
    message = refusal(lambda: key_credentials(pem(ec_key(), form, b"open sesame"), passphrase))
    wanted = "it with its passphrase: --apns-passphrase-file or passphrase_file"
    assert message == f"given.file is an encrypted private key; wanted {wanted}"


def test_a_wrong_passphrase_is_told() -> None:
    message = refusal(lambda: key_credentials(pem(ec_key(), passphrase=b"open sesame"), b"open simsim"))
    assert message == f"given.file is encrypted with another passphrase; {P8_WANTED}"


@pytest.mark.parametrize("passphrase", [b"open sesame", b""])
def test_a_passphrase_for_an_unencrypted_key_is_told(passphrase: bytes) -> None:
    message = refusal(lambda: key_credentials(pem(ec_key()), passphrase))
    what = "not encrypted, but a passphrase was given"
    assert message == f"given.file is {what}; wanted it without a passphrase"


@pytest.mark.parametrize("wrong", ["", "ABC", "abc1234567", "ABC12345678", "ABC-123456", "ABC1234567\n"])
def test_a_wrong_id_is_told(wrong: str) -> None:
    words = "is not one of Apple's ids: ten capital letters and digits"
    assert refusal(lambda: key_credentials(pem(ec_key()), key_id=wrong)) == f"--apns-key-id {wrong!r} {words}"
    assert refusal(lambda: key_credentials(pem(ec_key()), team_id=wrong)) == f"--apns-team-id {wrong!r} {words}"


def test_a_key_without_topic_is_told() -> None:
    message = refusal(lambda: key_credentials(pem(ec_key()), topics=()))
    assert message == "a key needs --apns-topic with the app's bundle id, such as com.example.chat"


@pytest.mark.parametrize("topic", ["", "com example", "com/example", "com.example\n", "a" * 201, "com.éxample"])
def test_a_topic_that_is_none_is_told(topic: str) -> None:
    words = f"--apns-topic {topic!r} is not a bundle id such as com.example.chat"
    present = key_credentials(pem(ec_key()))
    for read in (
        lambda: key_credentials(pem(ec_key()), topics=(TOPIC, topic)),
        lambda: certificate_credentials(full_p12(), topics=(topic,)),
        lambda: with_topics(present, (topic,)),
    ):
        assert refusal(read) == words


def test_topics_are_kept_once_without_voip_in_their_order() -> None:
    topics = ("com.example.two", "com.example.one.voip", "com.example.two.voip", "com.example.one")
    assert key_credentials(pem(ec_key()), topics=topics).topics == ("com.example.two", "com.example.one")


def test_topics_given_beside_a_certificate_win_over_its_own() -> None:
    assert certificate_credentials(full_p12(), topics=("com.example.other",)).topics == ("com.example.other",)


def test_the_topic_of_a_voip_certificate_is_the_apps() -> None:
    content = certificate_pem(uid=f"{TOPIC}.voip") + pem(rsa_key())
    assert certificate_credentials(content).topics == (TOPIC,)


@pytest.mark.parametrize(
    ("content", "passphrase", "what"),
    [
        (certificate_pem, None, "a certificate without its private key"),
        (lambda: pem(rsa_key()), None, "a private key"),
        (lambda: pem(rsa_key(), PrivateFormat.TraditionalOpenSSL), None, "an RSA private key"),
        (service_account, None, "a Google service account file"),
        (lambda: b"", None, "an empty file"),
        (lambda: b"shopping list", None, "a file of an unknown kind"),
        (lambda: b"-----BEGIN CERTIFICATE-----\nAAAA\n" + pem(rsa_key()), None, "a damaged certificate"),
        (
            lambda: certificate_pem() + pem(rsa_key(), passphrase=b"open sesame"),
            b"open simsim",
            "encrypted with another passphrase",
        ),
        (lambda: p12(key=rsa_key()), None, "a .p12 that lacks the certificate or its private key"),
        (lambda: p12(holding=certificate()), None, "a .p12 that lacks the certificate or its private key"),
        (
            lambda: full_p12(b"open sesame"),
            None,
            "not a .p12, or its passphrase is another (--apns-passphrase-file or passphrase_file)",
        ),
        (
            lambda: full_p12(b"open sesame"),
            b"open simsim",
            "not a .p12, or its passphrase is another (--apns-passphrase-file or passphrase_file)",
        ),
        (
            lambda: full_p12()[:99],
            None,
            "not a .p12, or its passphrase is another (--apns-passphrase-file or passphrase_file)",
        ),
    ],
)
def test_another_file_is_refused_as_certificate(
    content: Callable[[], bytes], passphrase: bytes | None, what: str
) -> None:
    message = refusal(lambda: certificate_credentials(content(), passphrase))
    assert message == f"given.file is {what}; {CERTIFICATE_WANTED}"


def test_an_encrypted_key_beside_its_certificate_needs_its_passphrase() -> None:
    message = refusal(lambda: certificate_credentials(certificate_pem() + pem(rsa_key(), passphrase=b"open sesame")))
    wanted = "it with its passphrase: --apns-passphrase-file or passphrase_file"
    assert message == f"given.file is an encrypted private key; wanted {wanted}"


@pytest.mark.parametrize("ends", [NOW - DAY, NOW])
def test_an_expired_certificate_is_told_with_its_day(ends: datetime) -> None:
    content = certificate_pem(starts=NOW - 9 * DAY, ends=ends) + pem(rsa_key())
    message = refusal(lambda: certificate_credentials(content))
    wanted = "one that is valid; renew it in the Apple developer account"
    assert message == f"given.file is a certificate expired on {ends:%Y-%m-%d}; wanted {wanted}"


def test_a_certificate_that_is_not_valid_yet_is_told_with_its_day() -> None:
    content = certificate_pem(starts=NOW + DAY, ends=NOW + 2 * DAY) + pem(rsa_key())
    message = refusal(lambda: certificate_credentials(content))
    wanted = "one that is valid; is this machine's clock right?"
    assert message == f"given.file is a certificate valid from 2027-01-16 on; wanted {wanted}"


@pytest.mark.parametrize(
    "content",
    [lambda: certificate_pem() + pem(ec_key()), lambda: certificate_pem() + pem(rsa.generate_private_key(65537, 2048))],
    ids=["of another kind", "of the same kind"],
)
def test_a_certificate_with_the_key_of_another_is_told(content: Callable[[], bytes]) -> None:
    message = refusal(lambda: certificate_credentials(content()))
    wanted = "the key that belongs to the certificate"
    assert message == f"given.file is a certificate with another one's private key; wanted {wanted}"


def test_a_certificate_that_names_no_topic_needs_one() -> None:
    content = certificate_pem(uid=None) + pem(rsa_key())
    message = refusal(lambda: certificate_credentials(content))
    assert message == "given.file names no topic; give the app's bundle id: --apns-topic or topics"
    assert certificate_credentials(content, topics=(TOPIC,)).topics == (TOPIC,)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (lambda: GOOGLE_SERVICES, "google-services.json, the file for the Android app"),
        (lambda: GOOGLE_SERVICE_INFO, "GoogleService-Info.plist, the file for the iOS app"),
        (lambda: b'{"installed": {"client_id": "1"}}', "a Google OAuth client file"),
        (lambda: b'{"web": {"client_id": "1"}}', "a Google OAuth client file"),
        (lambda: service_account(type="authorized_user"), "a private key"),
        (lambda: pem(ec_key()), "a private key"),
        (full_p12, "a binary file: PKCS#12 (.p12) or DER"),
        (lambda: b"", "an empty file"),
        (lambda: b"[]", "a file of an unknown kind"),
        (lambda: b'"\xff"', "a file of an unknown kind"),
        (
            lambda: service_account(client_email=None),
            "a damaged service account file (Object missing required field `client_email`)",
        ),
        (
            lambda: service_account(project_id=5),
            "a damaged service account file (Expected `str`, got `int` - at `$.project_id`)",
        ),
        (
            lambda: service_account(private_key=pem(ec_key()).decode()),
            "a service account file whose private_key is not an RSA key",
        ),
    ],
)
def test_another_file_is_refused_as_service_account(content: Callable[[], bytes], what: str) -> None:
    assert refusal(lambda: account_credentials(content())) == f"given.file is {what}; {ACCOUNT_WANTED}"


def test_a_service_account_that_is_cut_off_is_told_as_damaged() -> None:
    message = refusal(lambda: account_credentials(service_account()[:-20]))
    assert message.startswith("given.file is a damaged service account file (")


def test_a_service_account_with_a_damaged_key_is_told_without_quoting_it() -> None:
    message = refusal(lambda: account_credentials(service_account(private_key="hush-hush")))
    assert message == f"private_key in given.file is a file of an unknown kind; {ACCOUNT_WANTED}"


def test_the_same_key_has_the_same_fingerprint() -> None:
    assert key_credentials(pem(ec_key())) == key_credentials(pem(ec_key(), passphrase=b"open sesame"), b"open sesame")
    assert certificate_credentials(certificate_pem() + pem(rsa_key())) == certificate_credentials(full_p12())
    assert account_credentials(service_account()) == account_credentials(service_account())


def test_any_change_of_apple_credentials_changes_the_fingerprint() -> None:
    key, other_key = pem(ec_key()), pem(ec.generate_private_key(ec.SECP256R1()))
    all_credentials = [
        key_credentials(key),
        key_credentials(other_key),
        key_credentials(key, key_id="OTHER12345"),
        key_credentials(key, team_id="OTHER12345"),
        key_credentials(key, topics=("com.example.other",)),
        key_credentials(key, topics=(TOPIC, "com.example.other")),
        key_credentials(key, environment=ApnsEnvironment.SANDBOX),
        key_credentials(key, environment=ApnsEnvironment.AUTO),
        certificate_credentials(full_p12()),
        certificate_credentials(full_p12(), topics=("com.example.other",)),
        certificate_credentials(full_p12(), environment=ApnsEnvironment.SANDBOX),
        certificate_credentials(certificate_pem(ends=NOW + 2 * DAY) + pem(rsa_key())),
    ]
    assert len({credentials.fingerprint for credentials in all_credentials}) == len(all_credentials)


def test_any_change_of_a_service_account_changes_the_fingerprint() -> None:
    contents = [service_account(), service_account(private_key_id="0124"), service_account(project_id="example-other")]
    assert len({account_credentials(content).fingerprint for content in contents}) == len(contents)


def test_changed_afterwards_is_the_same_as_read_so() -> None:
    present = key_credentials(pem(ec_key()))
    assert with_environment(present, ApnsEnvironment.SANDBOX) == key_credentials(
        pem(ec_key()), environment=ApnsEnvironment.SANDBOX
    )
    assert with_topics(present, ("com.example.other.voip",)) == key_credentials(
        pem(ec_key()), topics=("com.example.other",)
    )
    assert with_topics(present, (TOPIC,)) == present


def test_no_repr_shows_a_key() -> None:
    file = KeyFile("given.file", pem(ec_key()), b"open sesame")
    assert repr(file) == str(file) == "KeyFile('given.file')"
    for credentials in (
        key_credentials(pem(ec_key())),
        certificate_credentials(full_p12()),
        account_credentials(service_account()),
    ):
        assert "=***)" in repr(credentials)
        assert "PRIVATE KEY" not in repr(credentials)
        assert "BEGIN" not in f"{credentials}"


def test_a_certificate_too_weak_for_tls_is_refused_before_it_is_stored() -> None:
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - weak on purpose
    message = refusal(lambda: certificate_credentials(certificate_pem(key=weak) + pem(weak)))
    assert message.startswith("given.file is a certificate or key that OpenSSL refuses (")


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"token_uri": "http://oauth.example.com/token"}, "token_uri is not an https URL"),
        ({"token_uri": ""}, "token_uri is not an https URL"),
        ({"token_uri": "https://oauth.example.com:99999/token"}, "token_uri is not an https URL"),
        ({"project_id": "a b/c"}, "project_id is not one"),
        ({"project_id": "x\r\ny: z"}, "project_id is not one"),
    ],
)
def test_a_service_account_that_cannot_work_is_refused(changed: dict[str, Any], what: str) -> None:
    message = refusal(lambda: account_credentials(service_account(**changed)))
    assert message.startswith(f"given.file is a service account file whose {what}; wanted")
