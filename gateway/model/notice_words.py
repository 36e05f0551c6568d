"""What each notice means, in words for an administrator: what has happened, and what to type."""

from shlex import quote
from typing import NamedTuple

from gateway.model.notice import Notice, NoticeKind

_PROVIDERS = {"apns": "Apple", "fcm": "Google"}


class NoticeWords(NamedTuple):
    """What has happened, the way out, and the command for it; "" where there is none."""

    what: str
    remedy: str
    command: str = ""


def words_of(notice: Notice) -> NoticeWords:
    """Tell of a notice; the provider's own words are not in it."""
    return _WORDS[notice.kind](notice)


def sentence_of(notice: Notice) -> str:
    """Tell of a notice in one paragraph, with the provider's own words."""
    told = words_of(notice)
    said = f"({notice.words})" if notice.words else ""
    command = f"`{told.command}`" if told.command else ""
    return " ".join(part for part in (told.what, said, told.remedy, command) if part)


def _guard_tripped(notice: Notice) -> NoticeWords:
    return NoticeWords(
        f"Many tokens of the app {notice.subject} are refused at once ({notice.about}): rather its key, topic or"
        " environment is wrong. None of them ends by it.",
        "Mend the app's credentials; see `push-gateway app show`. If the tokens really are dead:",
        f"push-gateway guard reset {quote(notice.subject)}",
    )


def _forwarding_paused(notice: Notice) -> NoticeWords:
    return NoticeWords(
        f"Nothing of the workspace {notice.subject} is forwarded to the official gateway for an hour.",
        "Check the workspace's registration and its push quota at <server>/admin/cloud.",
    )


def _breaker_open(notice: Notice) -> NoticeWords:
    if notice.about not in _PROVIDERS:
        return NoticeWords(
            "The official gateway takes no pushes; the servers that forward through it are asked to come again.",
            "It ends by itself. If it stays so, see whether this machine reaches forwarding.url.",
        )
    return NoticeWords(
        f"{_provider(notice)} does not take the pushes of the app {notice.subject}; they are kept and sent later.",
        f"It ends by itself. If it stays so, see whether this machine reaches {_provider(notice)}, and what was said:",
        f"push-gateway deliveries --app {quote(notice.subject)} --since 15m",
    )


def _credentials_refused(notice: Notice) -> NoticeWords:
    return NoticeWords(
        f"{_provider(notice)} refuses the credentials of the app {notice.subject}; its pushes are kept for their time.",
        "Give it others that work:",
        _give_credentials(notice),
    )


def _credentials_expire(notice: Notice) -> NoticeWords:
    days = "a day" if notice.about == "1" else f"{notice.about} days"
    return NoticeWords(
        f"The APNs certificate of the app {notice.subject} ends within {days}.",
        "Make a new one in Apple's developer account, or a key (.p8), which does not end, and give it:",
        f"push-gateway app update {quote(notice.subject)} --apns-certificate FILE",
    )


def _quota(notice: Notice) -> NoticeWords:
    return NoticeWords(
        f"The pushes of {notice.subject} for this month come to their end ({notice.about}).",
        "Raise its limit:",
        f"push-gateway {notice.about.partition(' ')[0]} update {quote(notice.subject)} --per-month N",
    )


def _dead_letters(notice: Notice) -> NoticeWords:
    return NoticeWords(
        f"Pushes to the app {notice.subject} that were kept have ended undelivered in the hour from {notice.about}.",
        "See which, and why:",
        f"push-gateway deliveries --app {quote(notice.subject)} --outcome expired --since 2h",
    )


def _canary_failed(notice: Notice) -> NoticeWords:
    return NoticeWords(
        f"The check of the app {notice.subject} at {_provider(notice)} failed: its pushes will fare no better.",
        f"See whether this machine reaches {_provider(notice)}. If the credentials are to blame, give it others:",
        _give_credentials(notice),
    )


def _for_gateways(notice: Notice) -> NoticeWords:
    return NoticeWords(f"The gateways keep this for each other: {notice.kind} of {notice.subject}.", "")


def _give_credentials(notice: Notice) -> str:
    option = "--fcm-service-account FILE" if notice.about == "fcm" else "--apns-key FILE ..."
    return f"push-gateway app update {quote(notice.subject)} {option}"


def _provider(notice: Notice) -> str:
    return _PROVIDERS.get(notice.about, "the official gateway")


_WORDS = {
    NoticeKind.GUARD_TRIPPED: _guard_tripped,
    NoticeKind.GUARD_RESET: _for_gateways,
    NoticeKind.FORWARDING_PAUSED: _forwarding_paused,
    NoticeKind.BREAKER_OPEN: _breaker_open,
    NoticeKind.CREDENTIALS_REFUSED: _credentials_refused,
    NoticeKind.CREDENTIALS_EXPIRE: _credentials_expire,
    NoticeKind.QUOTA: _quota,
    NoticeKind.DEAD_LETTERS: _dead_letters,
    NoticeKind.DEAD_LETTERS_SHARE: _for_gateways,
    NoticeKind.CANARY_FAILED: _canary_failed,
    NoticeKind.CANARY_DONE: _for_gateways,
}
