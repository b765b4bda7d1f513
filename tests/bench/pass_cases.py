"""What a fit takes beside the least that anybody could take: one pass over the rows, no copies."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from row import Row
from timing import HERE, usual
from workloads import RATINGS, SLOPES, TRIAL, WAVES, classic, evaluations, two_wave, visits

import harness
from harness.engines.port.fit import fit_design

READY = 6e-4
"""Seconds a small fit may take from ready matrices."""

IN_USE = """
import sys
import pandas as pd
import harness
frame = pd.read_csv(sys.argv[1])
frame = frame.astype(dict.fromkeys(sys.argv[3].split(";"), "category"))
harness.lmer(sys.argv[2], frame)
with open("/proc/self/status") as lines:
    print(next(float(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")))
"""


def rows(wanted: Callable[[str], bool]) -> Iterator[Row]:
    """The rows whose names are wanted."""
    small = (
        ("sleepstudy: from ready matrices", SLOPES, lambda: classic("sleepstudy", "Subject")),
        ("trial 70 x 2: from ready matrices", TRIAL, two_wave),
    )
    for name, formula, data in small:
        if wanted(name):
            design = harness.lmer(formula, data()).design
            seconds = usual(lambda design=design: fit_design(design))
            yield Row(name, design.frame.n_obs, seconds, None, "", most=READY)
    for name, own_times in (
        ("100,000 patients: passes of [X y]'[X y]", False),
        ("100,000 at own times: passes of [X y]'[X y]", True),
    ):
        if wanted(name):
            frame = visits(100_000, 5, 0.5, 2, own_times)
            XY = harness.lmer(WAVES, frame).design.XY
            taken = usual(lambda frame=frame: harness.lmer(WAVES, frame)) / usual(
                lambda XY=XY: XY.T @ XY
            )
            most = None if own_times else 10.0
            yield Row(name, len(frame), taken, None, "numpy's product", most=most, unit="x")
    for name, own_times in (
        ("100,000 patients: memory over the data's", False),
        ("100,000 at own times: memory over the data's", True),
    ):
        if wanted(name):
            frame = visits(100_000, 5, 0.5, 2, own_times)
            share = memory_share(WAVES, frame)
            most = None if own_times else 1.5
            yield Row(name, len(frame), share, None, "X, y, Z, codes", most=most, unit="x")
    name = "InstEval, three crossed: memory"
    if wanted(name):
        frame = evaluations()
        port, r = memory_in_use(RATINGS, frame, ("service", "s", "d", "dept"))
        yield Row(name, len(frame), port, r, "lme4", ratio=1.0, unit="MB")


def memory_share(formula: str, frame: pd.DataFrame) -> float:
    """Peak of what a fit allocates, over the bytes of X, y, the columns of Z and the codes.

    X and y count as the doubles of the model matrix, each column of Z once, the codes as the data
    frame holds them; the frame itself is not counted on either side.
    """
    harness.lmer(formula, frame)
    gc.collect()
    tracemalloc.start()
    design = harness.lmer(formula, frame).design
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    data = design.XY.nbytes + sum(c.nbytes for term in design.random for c in term.columns)
    data += sum(grouping.codes.nbytes for grouping in design.groupings)
    return peak / data


def memory_in_use(
    formula: str, frame: pd.DataFrame, factors: tuple[str, ...]
) -> tuple[float, float | None]:
    """The most memory, in MB, of a process that reads the data and fits: the port's, and lme4's."""
    if not Path("/proc/self/status").exists():
        return np.nan, None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        frame.to_csv(path / "data.csv", index=False)
        ours = [sys.executable, "-c", IN_USE, str(path / "data.csv"), formula, ";".join(factors)]
        port = subprocess.run(ours, capture_output=True, text=True, check=True).stdout
        job = (str(path / "data.csv"), formula, ";".join(factors), "memory", "1")
        theirs = ["Rscript", "--vanilla", str(HERE / "bench.R"), *job]
        r = subprocess.run(theirs, capture_output=True, text=True, check=True).stdout
    return float(port), float(json.loads(r)["MB"])
