"""Notices: what an operator should know and all gateways on one store go by, as long as it stands."""

from enum import StrEnum

import msgspec


class NoticeKind(StrEnum):
    """What a notice is about."""

    GUARD_TRIPPED = "guard_tripped"
    """An app's tokens seem to die in numbers: `subject` is the app, `about` the reason."""
    GUARD_RESET = "guard_reset"
    """An operator has said that an app's tokens really are dead: `subject` is the app, `about` the reason."""
    FORWARDING_PAUSED = "forwarding_paused"
    """The official gateway does not take a workspace's pushes: `subject` is the workspace."""
    BREAKER_OPEN = "breaker_open"
    """A provider does not take an app's pushes: `subject` is the app, `about` the provider."""
    CREDENTIALS_REFUSED = "credentials_refused"
    """A provider refuses an app's credentials: `subject` is the app, `about` the provider."""
    CREDENTIALS_EXPIRE = "credentials_expire"
    """An app's certificate ends soon: `subject` is the app, `about` the days that are left, as 30, 7 or 1."""
    QUOTA = "quota"
    """The pushes of the month come to their end: `subject` is the workspace or app, `about` the month and the share."""
    DEAD_LETTERS = "dead_letters"
    """Stored pushes ended undelivered: `subject` is the app, `about` the hour, `words` how many."""
    DEAD_LETTERS_SHARE = "dead_letters_share"
    """How many of them one process has seen (`about` the hour and the process), for the others to add up."""
    CANARY_FAILED = "canary_failed"
    """A check of an app's credentials failed: `subject` is the app, `about` the provider."""
    CANARY_DONE = "canary_done"
    """When an app's credentials were checked last."""

    @property
    def is_alarm(self) -> bool:
        """Tell whether an operator should know; what is none is for the gateways alone."""
        return self not in (NoticeKind.GUARD_RESET, NoticeKind.DEAD_LETTERS_SHARE, NoticeKind.CANARY_DONE)


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that stands since `at`, until `until` at the latest (UNIX seconds, None: until it is withdrawn).

    `words` are the provider's own, or the gateway's; never anything from a push.
    """

    kind: NoticeKind
    subject: str
    about: str = ""
    words: str = ""
    at: float
    until: float | None = None

    @property
    def id(self) -> str:
        """What it is found by: of one kind there is one on each subject and matter."""
        return self.id_of(self.kind, self.subject, self.about)

    @staticmethod
    def id_of(kind: NoticeKind, subject: str, about: str = "") -> str:
        """Return the id of the one of this kind on this subject and matter."""
        return f"{kind.value}:{subject}:{about}"

    def stands(self, now: float) -> bool:
        """Tell whether it still counts at `now` (UNIX seconds)."""
        return self.until is None or now < self.until
