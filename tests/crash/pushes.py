"""Pushes that are known again wherever they turn up."""

from datetime import UTC, datetime
from typing import Literal

import msgspec

from tests.end_to_end.running import message

Provider = Literal["apns", "fcm"]
DOORS: dict[Provider, str] = {"apns": "apn", "fcm": "gcm"}
_TOKENS = {"apns": "cafe{:060x}", "fcm": "fcmtok:APA91b{:08d}"}


class Push(msgspec.Struct, frozen=True, order=True):
    """The push with this number, counted from 1, of those to one device."""

    provider: Provider
    device: int
    number: int

    @property
    def message_id(self) -> str:
        """What it is known by, in its payload."""
        return f"{self.provider}-{self.device}-{self.number}"

    @classmethod
    def known_by(cls, message_id: str) -> "Push":
        """Find it by what is in its payload."""
        provider, device, number = message_id.split("-")
        return cls("apns" if provider == "apns" else "fcm", int(device), int(number))

    def body(self) -> bytes:
        """Write the request's body, as of now: what a server says is how the gateway knows a push again."""
        payload = {"host": "https://chat.example.org/", "messageId": self.message_id, "rid": "GENERAL", "type": "c"}
        created_at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        token = _TOKENS[self.provider].format(self.device)
        return msgspec.json.encode(message(token, payload=payload, createdAt=created_at))


class Device:
    """A phone, and the pushes to it so far."""

    def __init__(self, provider: Provider, number: int) -> None:
        self.provider: Provider = provider
        self._number = number
        self._sent = 0

    def next_push(self) -> Push:
        """Count one more."""
        self._sent += 1
        return Push(self.provider, self._number, self._sent)


class Answer(msgspec.Struct, frozen=True):
    """What a sender learned of one push.

    `at` is when it was sent (UNIX seconds), `seconds` how long it took until the answer; `status` is None where none
    came, because the connection was refused or broke. `outcome` is the gateway's word for what became of it.
    """

    push: Push
    at: float
    seconds: float
    status: int | None = None
    outcome: str = ""

    @property
    def is_owed(self) -> bool:
        """Tell whether the gateway has answered for it."""
        return self.status is not None and 200 <= self.status < 300


class Reception(msgspec.Struct, frozen=True):
    """What a provider noted of one push: when it came (UNIX seconds), by which apns-id, and what it said.

    `is_answered` is False where a fault was ordered that leaves the client without the answer.
    """

    at: float
    message_id: str
    status: int
    apns_id: str = ""
    is_answered: bool = True

    @property
    def is_taken(self) -> bool:
        """Tell whether the provider took the push and said so."""
        return self.status == 200 and self.is_answered
