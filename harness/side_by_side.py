"""The same work on many things, in several processes, with the results in order.

Made by ``fork``: a process has everything this one had, so that only results are sent. Where a
system has no ``fork``, and with one process, the work is done here; so is what a process left
undone when it died. The results are the same bits in any case.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(
    work: Callable[[Item], Result], items: Sequence[Item], processes: int
) -> Iterator[Result]:
    """``work`` of every item, in their order.

    Args:
        work: what it gives must be picklable; what it changes besides stays in its process.
        items: the k-th of n processes takes every n-th of them, beginning with the k-th.
        processes: no more are started than there are items.
    """
    processes = min(processes, len(items))
    may = "fork" in multiprocessing.get_all_start_methods()
    # A process that ends with another may have none of its own.
    if processes < 2 or not may or multiprocessing.current_process().daemon:
        yield from map(work, items)
        return
    fork = multiprocessing.get_context("fork")
    children = []
    pipes: list[Connection | None] = []
    try:
        for k in range(processes):
            # When this process is gone, the last of the others has no reader and ends; then the one
            # before it, whose reading end only those made after it have besides.
            receive, send = fork.Pipe(duplex=False)
            share = items[k::processes]
            child = fork.Process(target=_send_all, args=(work, share, receive, send), daemon=True)
            child.start()
            send.close()
            children.append(child)
            pipes.append(receive)
        for place, item in enumerate(items):
            k = place % processes
            pipe = pipes[k]
            if pipe is not None:
                try:
                    result: Result = pipe.recv()
                except (EOFError, OSError):
                    pipe.close()
                    pipes[k] = None
                else:
                    yield result
                    continue
            yield work(item)
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.join()
        for pipe in pipes:
            if pipe is not None:
                pipe.close()


def _send_all(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    receive: Connection,
    send: Connection,
) -> None:
    """Send the results one by one; an error ends the process, and is met again where it is told."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one that is asked decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    receive.close()
    with send, suppress(Exception):
        for item in items:
            send.send(work(item))
