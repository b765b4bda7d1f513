"""Work in several processes: the same results, in order, whatever happens to a process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import ModelError
from harness.side_by_side import side_by_side

HERE = os.getpid()


def cube(x: int) -> tuple[int, int]:
    """The result, and who worked it out."""
    return x**3, os.getpid()


@pytest.mark.parametrize("processes", [1, 2, 3, 7])
@pytest.mark.parametrize("many", [0, 1, 2, 5, 8])
def test_results_come_in_the_order_of_the_items(many: int, processes: int) -> None:
    found = list(side_by_side(cube, range(many), processes))
    assert [value for value, _ in found] == [x**3 for x in range(many)]
    workers = {pid for _, pid in found}
    if processes == 1 or many < 2:
        assert workers <= {HERE}
    else:
        assert HERE not in workers
        assert len(workers) == min(processes, many)
    assert not multiprocessing.active_children()


def test_a_closure_needs_no_pickling_and_what_it_changes_stays_there() -> None:
    seen: list[int] = []

    def work(x: int) -> int:
        seen.append(x)
        return len(seen)

    assert list(side_by_side(work, [10, 20, 30, 40], 2)) == [1, 1, 2, 2]
    assert seen == []


def killed_at(place: int) -> Callable[[int], tuple[int, int]]:
    def work(x: int) -> tuple[int, int]:
        if x == place and os.getpid() != HERE:
            os.kill(os.getpid(), signal.SIGKILL)
        return cube(x)

    return work


@pytest.mark.parametrize("place", [0, 1, 4, 7])
def test_what_a_killed_process_left_is_done_here(place: int) -> None:
    found = list(side_by_side(killed_at(place), range(8), 2))
    assert [value for value, _ in found] == [x**3 for x in range(8)]
    by_us = [x for x, (_, pid) in enumerate(found) if pid == HERE]
    assert by_us == list(range(place, 8, 2))


def test_an_error_is_raised_here_after_the_results_before_it() -> None:
    def work(x: int) -> int:
        if x == 3:
            raise ModelError("the fourth cannot be done")
        return x

    results = side_by_side(work, range(6), 2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ModelError, match="the fourth cannot be done"):
        next(results)
    assert not multiprocessing.active_children()


def test_a_result_that_cannot_be_sent_is_made_here() -> None:
    found = list(side_by_side(lambda x: lambda: x, range(4), 2))
    assert [function() for function in found] == [0, 1, 2, 3]


def test_an_abandoned_iterator_ends_its_processes() -> None:
    def work(x: int) -> int:
        if x > 1:
            time.sleep(60)
        return x

    results = side_by_side(work, range(8), 2)
    assert next(results) == 0
    assert len(multiprocessing.active_children()) == 2
    start = time.monotonic()
    results.close()
    assert not multiprocessing.active_children()
    assert time.monotonic() - start < 10


def test_without_fork_the_work_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: ["spawn"])
    assert {pid for _, pid in side_by_side(cube, range(4), 2)} == {HERE}


def test_within_one_of_its_processes_the_work_is_done_there() -> None:
    def work(x: int) -> set[int]:
        return {pid for _, pid in side_by_side(cube, range(x, x + 4), 2)} | {os.getpid()}

    found = list(side_by_side(work, range(2), 2))
    assert [len(pids) for pids in found] == [1, 1]


ORPHANS = """
import os, sys
from harness.side_by_side import side_by_side

def work(x):
    with open(os.path.join(sys.argv[1], str(os.getpid())), "w"):
        pass
    return bytes(100_000)

results = side_by_side(work, range(100_000), 3)
next(results)
print("begun", flush=True)
sys.stdin.read()
"""


def test_no_process_outlives_one_that_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHANS, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "begun\n"
    deadline = time.monotonic() + 20
    while len(list(tmp_path.iterdir())) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    workers = [int(path.name) for path in tmp_path.iterdir()]
    parent.kill()
    parent.wait()
    while alive := [pid for pid in workers if Path(f"/proc/{pid}").exists() and not _zombie(pid)]:
        assert time.monotonic() < deadline, f"still there: {alive}"
        time.sleep(0.01)


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
