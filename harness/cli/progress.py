"""A progress bar on stderr, only for a person who has to wait."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SHOW_AFTER_SECONDS = 1.0


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Callable[[str, int, int], None] | None]:
    """Give a callback (what, done, total) that draws a bar once the work exceeds a second.

    Gives None when stderr is no terminal or the user asked for quiet.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    import time

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task("fitting", total=None)
    started = time.monotonic()
    drawn = False

    def advance(what: str, done: int, total: int) -> None:
        nonlocal drawn
        if not drawn and time.monotonic() - started > SHOW_AFTER_SECONDS:
            bar.start()
            drawn = True
        bar.update(task, description=what, completed=done, total=total)

    try:
        yield advance
    finally:
        if drawn:
            bar.stop()
