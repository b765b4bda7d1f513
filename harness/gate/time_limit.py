"""An end to work that cannot be bounded beforehand: a stranger's regular expression."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def time_limit(seconds: float | None, what: str) -> Iterator[None]:
    """Raise :class:`TimeoutError` inside the block once it has taken so long, and soon again.

    Python's ``re`` looks for signals while it searches, so an alarm ends a search that would
    never end. Alarms reach the main thread of a Unix process only; elsewhere there is no limit.

    Args:
        seconds: wall time; None for no limit.
        what: what takes too long, for the message.
    """
    main = threading.current_thread() is threading.main_thread()
    if seconds is None or not main or not hasattr(signal, "setitimer"):
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"{what} took longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    # Great Expectations catches what a rule raises and tries again: then the next alarm is near.
    waiting, _ = signal.setitimer(signal.ITIMER_REAL, seconds, min(seconds, 0.5))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, waiting)
        signal.signal(signal.SIGALRM, before)
