"""What a provider said about one push."""

from enum import StrEnum

import msgspec

from gateway.model.reason import Reason


class VerdictKind(StrEnum):
    """What a verdict is about; only the token kinds may ever end a device token."""

    ACCEPTED = "accepted"
    DEAD = "token_dead"
    """The provider knew the token and says it is gone (410, UNREGISTERED)."""
    SUSPECT = "token_suspect"
    """Not a token to this credential and environment; a wrong environment of ours says the same."""
    FOREIGN = "token_foreign"
    """Another app's token: the workspace's next app may know it."""
    REFUSED = "refused"
    """Sending it again gives the same answer; the token is not to blame."""
    CREDENTIALS_REFUSED = "credentials_refused"
    """Nothing of this app gets through until its operator acts."""
    LATER = "later"
    """The provider, or the way to it, is in trouble."""


class Verdict(msgspec.Struct, frozen=True):
    """One provider answer, or the lack of one, in the gateway's words and in the provider's own.

    `status` is the HTTP status (None: no answer came), `words` the provider's reason, `provider_id` its name for
    the push, `retry_after` seconds it asked for, `since` the UNIX time in seconds from which a token is dead.
    """

    kind: VerdictKind
    reason: Reason
    status: int | None = None
    words: str = ""
    provider_id: str = ""
    retry_after: float | None = None
    since: float | None = None
