"""What the notification rules are asked about: a receiver, a room, a message. What is not said is permissive."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(min_length=1, max_length=200)]
MOST_RECEIVERS = 500
Moment = Annotated[datetime, Meta(tz=True)]


class Status(StrEnum):
    """Whether a receiver is there."""

    ONLINE = "online"
    AWAY = "away"
    BUSY = "busy"
    OFFLINE = "offline"


class Preference(StrEnum):
    """What a receiver wants to be notified of in a room."""

    ALL = "all"
    MENTIONS = "mentions"
    NOTHING = "nothing"
    DEFAULT = "default"


class _Said(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A part of the request, in the words of its JSON."""


class Preferences(_Said, frozen=True, kw_only=True):
    """A receiver's settings, in general and for the room."""

    room_notifications_disabled: bool = False
    ignored_senders: Annotated[tuple[Name, ...], Meta(max_length=10_000)] = ()
    mute_group_mentions: bool = False
    desktop: bool = True
    mobile: bool = True
    always_notify_mobile: bool = True
    room: Preference = Preference.DEFAULT
    default: Preference = Preference.ALL

    @property
    def in_room(self) -> Preference:
        """What counts in this room."""
        return self.default if self.room is Preference.DEFAULT else self.room


class Receiver(_Said, frozen=True, kw_only=True):
    """Whom a message is for. Somebody of whom no status is said counts as offline."""

    id: Name
    status: Status = Status.OFFLINE
    away_since: Moment | None = None
    active: bool = True
    preferences: Preferences = Preferences()


class Room(_Said, frozen=True, kw_only=True):
    """Where it was written."""

    id: Name
    type: str = ""
    member_count: Annotated[int, Meta(ge=0)] = 0


class Mentions(_Said, frozen=True, kw_only=True):
    """Whom a message names, as its receiver sees it."""

    all: bool = False
    here: bool = False
    user: bool = False
    highlight: bool = False
    thread_reply: bool = False

    @property
    def group(self) -> bool:
        """Whether everybody in the room is named."""
        return self.all or self.here

    @property
    def personal(self) -> bool:
        """Whether the receiver is meant: named, by a word they look out for, or in a thread of theirs."""
        return self.user or self.highlight or self.thread_reply


class Message(_Said, frozen=True, kw_only=True):
    """What was written; title, text and payload are not for the rules."""

    id: Name
    sender: Name
    mentions: Mentions = Mentions()
    title: str = ""
    text: str = ""
    payload: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"Message(id={self.id!r}, mentions={self.mentions!r})"


class Situation(msgspec.Struct, frozen=True):
    """One message and one receiver of it."""

    receiver: Receiver
    room: Room
    message: Message


class Request(_Said, frozen=True, kw_only=True):
    """A message and whom it is for: one `receiver`, or many `receivers`.

    Raises:
        ValueError: it has none of them, or both; the message begins with the field's name.
    """

    room: Room
    message: Message
    receiver: Receiver | None = None
    receivers: Annotated[tuple[Receiver, ...], Meta(max_length=MOST_RECEIVERS)] = ()

    def __post_init__(self) -> None:
        if (self.receiver is None) == (not self.receivers):
            raise ValueError("receiver: expected one receiver, or a list of them as receivers")

    def situations(self) -> tuple[Situation, ...]:
        """Look at each receiver by itself."""
        receivers = self.receivers if self.receiver is None else (self.receiver,)
        return tuple(Situation(receiver, self.room, self.message) for receiver in receivers)
