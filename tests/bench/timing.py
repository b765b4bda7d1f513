"""Times of the port, of R and of anything else, in the same run and on the same data."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pandas as pd

HERE = Path(__file__).resolve().parent

ROUNDS = int(os.environ.get("ROUNDS", "3"))
"""How often R and the port are timed in turn."""


def usual(run: Callable[[], object], seconds: float = 1.0) -> float:
    """Median processor time of one call, over batches of calls that fill about so many seconds."""
    run()
    start = time.process_time()
    run()
    once = time.process_time() - start
    batch = max(1, min(20, int(0.02 / once)))
    times: list[float] = []
    begun = time.process_time()
    while len(times) < 5 or (once < 0.2 and time.process_time() - begun < seconds):
        start = time.process_time()
        for _ in range(batch):
            run()
        times.append((time.process_time() - start) / batch)
    return median(times)


def beside(
    run: Callable[[], object], r: Callable[[], float] | None, rounds: int = ROUNDS
) -> tuple[float, float | None]:
    """Medians of the port's and of R's time, measured in turn so that both see the same machine."""
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(rounds):
        if r is not None:
            theirs.append(r())
        ours.append(usual(run))
    return median(ours), median(theirs) if theirs else None


def script_seconds(script: str, frame: pd.DataFrame, *asked: str) -> float:
    """What an R script prints when given the frame as a CSV file, and more words."""
    with tempfile.TemporaryDirectory() as folder:
        frame.to_csv(Path(folder) / "data.csv", index=False)
        said = subprocess.run(
            ["Rscript", "--vanilla", str(HERE / script), str(Path(folder) / "data.csv"), *asked],
            capture_output=True,
            text=True,
            check=True,
        )
    return float(json.loads(said.stdout)["seconds"])


def r_seconds(
    frame: pd.DataFrame, formula: str, factors: tuple[str, ...], what: str, repetitions: int
) -> float:
    """Median processor time of R, in a process of its own; ``what`` as in ``bench.R``."""
    return script_seconds("bench.R", frame, formula, ";".join(factors), what, str(repetitions))
