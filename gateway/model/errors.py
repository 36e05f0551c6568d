"""The gateway's own exceptions, for what is not an outcome of a push.

GatewayError
├── SettingsError       a setting is wrong or missing             (exit code 2)
├── CredentialsError    a key file is not what it should be       (exit code 2)
├── StoreError          the store cannot be used
│   ├── StoreKeyError   its encryption keys are missing or wrong  (exit code 2)
│   ├── Changed         somebody else changed it at the same moment
│   ├── NameTaken       an app or workspace of that name exists
│   └── UnknownName     no app, workspace or device is called so
├── InUse               something else still needs it
├── RotationError       the encryption keys cannot be rotated now
└── AlarmNotTaken       an alarm did not get where it was sent
"""


class GatewayError(Exception):
    """What an operator reads in one line: what happened, why, what to do."""

    exit_code = 1


class SettingsError(GatewayError):
    """A setting is wrong; the message names the key, the line and what was expected."""

    exit_code = 2


class CredentialsError(GatewayError):
    """A key file is not what was wanted; the message says what it is and what was wanted."""

    exit_code = 2


class StoreError(GatewayError):
    """The store is not there, full, or does not answer."""


class StoreKeyError(StoreError):
    """The store was written under other encryption keys than the ones given."""

    exit_code = 2


class Changed(StoreError):
    """What was to be replaced is not what it was when it was read."""


class NameTaken(StoreError):
    """A new app or workspace has the name of one that exists."""


class UnknownName(StoreError):
    """No app or workspace has the name asked for, or no device, or several, the digits."""


class InUse(GatewayError):
    """An app cannot go while workspaces still send through it."""


class RotationError(GatewayError):
    """A rotation of the encryption keys cannot go on yet; made again, it goes on where it was."""


class AlarmNotTaken(GatewayError):
    """Whoever is to be told of alarms did not take one; the message names no address, for it may hold a secret."""
