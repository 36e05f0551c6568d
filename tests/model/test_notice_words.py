"""What is told of notices."""

import pytest

from gateway.model.notice import Notice, NoticeKind
from gateway.model.notice_words import sentence_of, words_of
from tests.notices import notice


@pytest.mark.parametrize("kind", list(NoticeKind))
@pytest.mark.parametrize("about", ["apns", "fcm", "upstream", "7", "1", ""])
def test_every_kind_says_of_whom_it_speaks_and_what_to_do(kind: NoticeKind, about: str) -> None:
    told = words_of(notice("My Chat", kind=kind, about=about))
    is_of_the_gateway_itself = kind is NoticeKind.BREAKER_OPEN and about not in ("apns", "fcm")
    assert ("My Chat" in told.what) is not is_of_the_gateway_itself
    assert bool(told.remedy) is kind.is_alarm
    assert "'My Chat'" in told.command or not told.command, "as a shell takes it"


def test_a_sentence_has_the_providers_words_in_it() -> None:
    told = notice("Chat", kind=NoticeKind.CREDENTIALS_REFUSED, about="fcm", words="401 UNAUTHENTICATED")
    assert sentence_of(told) == (
        "Google refuses the credentials of the app Chat; its pushes are kept for their time. (401 UNAUTHENTICATED) "
        "Give it others that work: `push-gateway app update Chat --fcm-service-account FILE`"
    )


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (notice("Chat", kind=NoticeKind.CREDENTIALS_EXPIRE, about="1"), "ends within a day"),
        (notice("Chat", kind=NoticeKind.CREDENTIALS_EXPIRE, about="30"), "ends within 30 days"),
        (notice("Chat", about="upstream"), "The official gateway takes no pushes"),
        (notice("Chat", about="apns"), "Apple does not take the pushes of the app Chat"),
    ],
)
def test_what_a_notice_is_about_is_told(one: Notice, words: str) -> None:
    assert words in words_of(one).what
