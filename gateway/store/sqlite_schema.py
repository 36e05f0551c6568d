"""The tables of the SQLite file, as they were first and as each migration changes them."""

import sqlite3
from collections.abc import Callable

from gateway.store.schema import Migration

SqliteMigration = Migration[Callable[[sqlite3.Connection], None]]

FIRST = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT;
CREATE TABLE apps
    (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, document BLOB NOT NULL) STRICT;
CREATE TABLE workspaces
    (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, document BLOB NOT NULL) STRICT;
CREATE TABLE proofs (fingerprint TEXT PRIMARY KEY, at REAL NOT NULL) STRICT;
INSERT INTO meta VALUES ('revision', 1);
"""
"""The first schema; a new store is made of it and all migrations."""

_DELIVERY_LOG = """
CREATE TABLE deliveries
    (id TEXT PRIMARY KEY, at REAL NOT NULL, workspace TEXT NOT NULL, app TEXT, platform TEXT NOT NULL, kind TEXT,
    device TEXT, outcome TEXT NOT NULL, reason TEXT NOT NULL, provider_status INTEGER, provider_words TEXT NOT NULL,
    provider_id TEXT NOT NULL, attempts INTEGER NOT NULL, ms REAL NOT NULL) STRICT;
CREATE INDEX deliveries_at ON deliveries (at);
CREATE INDEX deliveries_workspace ON deliveries (workspace, at);
CREATE INDEX deliveries_app ON deliveries (app, at);
CREATE INDEX deliveries_device ON deliveries (device, at);
CREATE INDEX deliveries_outcome ON deliveries (outcome, at);
CREATE INDEX deliveries_reason ON deliveries (reason, at);
"""

_OUTBOX = """
CREATE TABLE outbox
    (id TEXT PRIMARY KEY, key TEXT, workspace TEXT NOT NULL, app TEXT NOT NULL, provider TEXT NOT NULL,
    line TEXT NOT NULL, device TEXT NOT NULL, received_at REAL NOT NULL, expires_at REAL NOT NULL, due_at REAL NOT NULL,
    attempts INTEGER NOT NULL, reason TEXT NOT NULL, owner TEXT, leased_until REAL NOT NULL, notification BLOB NOT NULL,
    is_first INTEGER NOT NULL DEFAULT 0, free_at REAL NOT NULL AS (max(due_at, leased_until))) STRICT;
CREATE INDEX outbox_free ON outbox (workspace, app, provider, free_at) WHERE is_first;
CREATE INDEX outbox_line ON outbox (line, received_at, id);
CREATE INDEX outbox_workspace ON outbox (workspace, received_at);
CREATE INDEX outbox_expires ON outbox (expires_at, leased_until);
CREATE INDEX outbox_key ON outbox (key) WHERE key IS NOT NULL;
CREATE TRIGGER outbox_joined AFTER INSERT ON outbox
    WHEN NOT EXISTS (SELECT 1 FROM outbox
        WHERE line = new.line AND (received_at, id) < (new.received_at, new.id))
    BEGIN UPDATE outbox SET is_first = (rowid = new.rowid)
        WHERE line = new.line AND (is_first OR rowid = new.rowid); END;
CREATE TRIGGER outbox_left AFTER DELETE ON outbox WHEN old.is_first
    BEGIN UPDATE outbox SET is_first = 1
        WHERE rowid = (SELECT rowid FROM outbox WHERE line = old.line ORDER BY received_at, id LIMIT 1); END;
CREATE TABLE late_verdicts
    (id TEXT PRIMARY KEY, workspace TEXT NOT NULL, device TEXT NOT NULL, reason TEXT NOT NULL, since REAL,
    at REAL NOT NULL) STRICT;
CREATE INDEX late_verdicts_at ON late_verdicts (at, id);
ALTER TABLE deliveries ADD COLUMN key TEXT;
CREATE INDEX deliveries_key ON deliveries (key, at) WHERE key IS NOT NULL;
"""
"""The file itself knows the first item of every line, so a claim meets no other, however many wait behind it."""

_DEVICE_REGISTRY = """
CREATE TABLE devices
    (id TEXT PRIMARY KEY, token BLOB NOT NULL, platform TEXT NOT NULL, app TEXT, environment TEXT,
    workspaces TEXT NOT NULL, first_seen REAL NOT NULL, known_since REAL NOT NULL, last_seen REAL NOT NULL,
    last_success REAL, dead_since REAL, dead_reason TEXT, refused_at REAL, stale_since REAL,
    stale_count INTEGER NOT NULL) STRICT;
CREATE INDEX devices_last_seen ON devices (last_seen, id);
"""

_HEARTBEATS = """
CREATE TABLE heartbeats (id TEXT PRIMARY KEY, at REAL NOT NULL, document TEXT NOT NULL) STRICT;
CREATE INDEX heartbeats_at ON heartbeats (at);
"""

_NOTICES = """
CREATE TABLE notices
    (id TEXT PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, about TEXT NOT NULL, words TEXT NOT NULL,
    at REAL NOT NULL, until REAL) STRICT;
"""

_USAGE = """
CREATE TABLE usage
    (id TEXT PRIMARY KEY, month TEXT NOT NULL, workspace TEXT NOT NULL, app TEXT NOT NULL, outcome TEXT NOT NULL,
    count INTEGER NOT NULL) STRICT;
CREATE INDEX usage_month ON usage (month, id);
"""

_FOREIGN_TOKENS = """
ALTER TABLE devices ADD COLUMN foreign_to TEXT;
ALTER TABLE devices ADD COLUMN foreign_at REAL;
"""


_OUTBOX_BY_APP = """
CREATE INDEX outbox_app ON outbox (app);
"""


def execute_all(connection: sqlite3.Connection, statements: str) -> None:
    """Run them one by one: `executescript` would end the transaction around them."""
    for statement in statements.strip().split(";\n"):
        connection.execute(statement)


MIGRATIONS: tuple[SqliteMigration, ...] = (
    Migration("add the delivery log", lambda connection: execute_all(connection, _DELIVERY_LOG)),
    Migration("add the outbox", lambda connection: execute_all(connection, _OUTBOX)),
    Migration("add the device registry", lambda connection: execute_all(connection, _DEVICE_REGISTRY)),
    Migration("add heartbeats", lambda connection: execute_all(connection, _HEARTBEATS)),
    Migration("add notices", lambda connection: execute_all(connection, _NOTICES)),
    Migration("add usage", lambda connection: execute_all(connection, _USAGE)),
    Migration("remember foreign tokens", lambda connection: execute_all(connection, _FOREIGN_TOKENS)),
    Migration("count the outbox by app", lambda connection: execute_all(connection, _OUTBOX_BY_APP)),
)
"""In order, from the first schema on."""
