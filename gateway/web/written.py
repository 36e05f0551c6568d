"""An answer as the octets of HTTP/1.1."""

from email.utils import formatdate
from http import HTTPStatus

from gateway.model.clock import Clock
from gateway.rocketchat.answer import Answer

_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Writer:
    """Writes answers; what is the same in all of them is written once a second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._second = -1
        self._date = ""

    def written(self, answer: Answer, keeps_alive: bool) -> bytes:
        """Return the whole response (RFC 9112 section 4); with `Connection: close` where it is the last one."""
        lines = [f"HTTP/1.1 {answer.status} {_PHRASES.get(answer.status, '')}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        connection = "" if keeps_alive else "Connection: close\r\n"
        rest = f"Content-Length: {len(answer.body)}\r\nDate: {self._today()}\r\nServer: push-gateway\r\n{connection}"
        return "\r\n".join((*lines, rest, "")).encode("ascii") + answer.body

    def _today(self) -> str:
        second = int(self._clock.now())
        if second != self._second:
            self._second, self._date = second, formatdate(second, usegmt=True)
        return self._date
