"""How a command that takes a while goes on, for whoever watches it."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Screen:
    """Shows on standard error how it goes: sentences, and on a terminal a bar below them."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def says(self, line: str) -> None:
        """Print a sentence on what happens now."""
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def begins(self, what: str, total: int) -> None:
        """Begin to count anew, up to about `total` things."""
        self._progress.reset(self._task, description=what, total=total, visible=True)

    def advances(self, things: int) -> None:
        """Count on."""
        self._progress.advance(self._task, things)


@contextmanager
def screen() -> Iterator[Screen]:
    """Show how it goes while the block runs; the bar does not stay."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield Screen(progress, progress.add_task("", total=None, visible=False))
