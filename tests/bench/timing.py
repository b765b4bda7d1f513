"""Times of the port, of R and of anything else, in the same run and on the same data."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pandas as pd

HERE = Path(__file__).resolve().parent


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


def r_seconds(
    frame: pd.DataFrame, formula: str, factors: tuple[str, ...], what: str, repetitions: int
) -> float:
    """Median processor time of R, in a process of its own; ``what`` as in ``bench.R``."""
    with tempfile.TemporaryDirectory() as folder:
        frame.to_csv(Path(folder) / "data.csv", index=False)
        job = (formula, ";".join(factors), what, str(repetitions))
        said = subprocess.run(
            ["Rscript", "--vanilla", str(HERE / "bench.R"), str(Path(folder) / "data.csv"), *job],
            capture_output=True,
            text=True,
            check=True,
        )
    return float(json.loads(said.stdout)["seconds"])
