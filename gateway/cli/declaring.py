"""From the file of a declaration to what is declared: references followed, every key file read and checked."""

import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from gateway.cli.references import References
from gateway.config import ApnsEntry, AppEntry, FcmEntry, WorkspaceEntry, load_declaration
from gateway.delivery.changes import WorkspaceChanges, check_secret, checked, checked_name
from gateway.delivery.declared import Declared, DeclaredApp, DeclaredWorkspace
from gateway.model.app import ApnsCredentials, FcmCredentials
from gateway.model.secret import Secret
from gateway.providers.key_files import KeyFile, read_apns_certificate, read_apns_key, read_fcm_service_account


def read_declared(path: Path, environ: Mapping[str, str]) -> Declared:
    """Read a declaration and all that it refers to.

    Raises:
        SettingsError: the file, or a file or variable that it names, is missing or wrong; the message names the place.
    """
    declaration = load_declaration(path)
    references = References(declaration, environ)
    return Declared(
        tuple(_app(references, name, entry) for name, entry in declaration.apps.items()),
        tuple(_workspace(references, name, entry) for name, entry in declaration.workspaces.items()),
    )


def _app(references: References, name: str, entry: AppEntry) -> DeclaredApp:
    keys = ("apps", name)
    with references.told_at(*keys):
        checked_name(name)
    if entry.apns is None and entry.fcm is None:
        references.refuse("expected apns, fcm or both", *keys)
    apns = _apns(references, entry.apns, *keys, "apns") if entry.apns else None
    fcm = _fcm(references, entry.fcm, *keys, "fcm") if entry.fcm else None
    return DeclaredApp(references.place(*keys), name, apns, fcm, entry.limits.limits)


def _apns(references: References, entry: ApnsEntry, *keys: str) -> ApnsCredentials:
    key, certificate = references.follow(entry, "key", *keys), references.follow(entry, "certificate", *keys)
    passphrase = references.follow(entry, "passphrase", *keys)
    words = passphrase.content.strip() if passphrase else None
    if key and not certificate:
        return _apns_key(references, entry, msgspec.structs.replace(key, passphrase=words), *keys)
    if key or not certificate:
        references.refuse("expected one of key_file, key_env, certificate_file, certificate_env", *keys)
    own_key = references.follow(entry, "certificate_key", *keys)
    content = b"\n".join(file.content for file in (certificate, own_key) if file)
    with references.told_at(*keys):
        return read_apns_certificate(
            KeyFile(certificate.name, content, words), entry.topics, entry.environment, time.time()
        )


def _apns_key(references: References, entry: ApnsEntry, file: KeyFile, *keys: str) -> ApnsCredentials:
    if not (entry.key_id and entry.team_id and entry.topics):
        references.refuse("a key needs key_id, team_id and topics", *keys)
    with references.told_at(*keys):
        return read_apns_key(file, entry.key_id, entry.team_id, entry.topics, entry.environment)


def _fcm(references: References, entry: FcmEntry, *keys: str) -> FcmCredentials:
    file = references.follow(entry, "service_account", *keys)
    if file is None:
        references.refuse("expected service_account_file or service_account_env", *keys)
    with references.told_at(*keys):
        return read_fcm_service_account(file)


def _workspace(references: References, name: str, entry: WorkspaceEntry) -> DeclaredWorkspace:
    keys = ("workspaces", name)
    if not entry.apps:
        references.refuse("expected the names of one or more apps", *keys, "apps")
    with references.told_at(*keys):
        checked_name(name)
        traits = checked(_traits(entry))
    return DeclaredWorkspace(references.place(*keys), name, traits, _secret(references, entry, *keys))


def _traits(entry: WorkspaceEntry) -> WorkspaceChanges:
    traits = WorkspaceChanges(
        apps=tuple(dict.fromkeys(entry.apps)),
        unique_id=entry.unique_id,
        allow_from=tuple(map(str, entry.allow_from)),
        content=entry.content,
        fixed_text=entry.fixed_text,
        forward=entry.forward,
        limits=entry.limits.limits,
        rules=entry.rules.rules,
    )
    if entry.suspended is not None:
        traits["suspended"] = entry.suspended
    return traits


def _secret(references: References, entry: WorkspaceEntry, *keys: str) -> Secret | None:
    file = references.follow(entry, "secret", *keys)
    if file is None:
        return None
    secret = Secret(file.content.decode(errors="replace").strip())
    with references.told_at(*keys):
        check_secret(secret)
    return secret
