"""Many servers that send to many devices at once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator

from tests.end_to_end.running import Answer

AT_ONCE = 50


def iphones(number: int, first: int = 1) -> Iterator[str]:
    """Different device tokens."""
    return (f"{one:064x}" for one in range(first, first + number))


def androids(number: int, first: int = 1) -> Iterator[str]:
    """Different registration tokens."""
    return (f"fcmtok:{one:064x}" for one in range(first, first + number))


async def flood(push: Callable[[str], Awaitable[Answer]], tokens: Iterable[str]) -> Counter[tuple[int, str]]:
    """Push to every token once; return how often each status and code was answered."""
    answers: Counter[tuple[int, str]] = Counter()
    waiting = iter(tokens)

    async def send() -> None:
        for token in waiting:
            answer = await push(token)
            answers[answer.status, answer.code] += 1

    await asyncio.gather(*(send() for _ in range(AT_ONCE)))
    return answers


def dead(answers: Counter[tuple[int, str]]) -> int:
    """How many tokens the servers have deleted."""
    return sum(times for (status, _), times in answers.items() if status == 406)
