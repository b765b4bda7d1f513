"""Repeated measures beside nlme's gls, from a data frame and a formula, on one thread.

    python tests/bench/mmrm_cases.py

Not part of the table of ``bench.py``, whose jobs are lme4's. It prints one line a job; R is timed
in a process of its own on the same data, with gls's default control.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

for _variable in ("OPENBLAS", "OMP", "MKL", "BLIS"):
    os.environ[f"{_variable}_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

import harness  # noqa: E402

FORMULA = "y ~ base + arm * week"

R = """
library(nlme)
asked <- commandArgs(TRUE)
data <- read.csv(asked[1], stringsAsFactors = TRUE)
data$visit <- as.integer(data$week)
control <- glsControl(opt = "optim", msMaxIter = 500, returnObject = TRUE)
run <- function() gls(y ~ base + arm * week, data, control = control,
  correlation = switch(asked[2], un = corSymm(form = ~ visit | id),
                       ar1h = corAR1(form = ~ visit | id)),
  weights = varIdent(form = ~ 1 | visit))
times <- vapply(seq_len(as.integer(asked[3])), function(k) {
  start <- proc.time()[["elapsed"]]
  run()
  proc.time()[["elapsed"]] - start
}, 0)
cat(sprintf("%.17g", c(median(times), -2 * as.numeric(logLik(run())))), "\\n")
"""


@dataclass(frozen=True, slots=True)
class Job:
    """One line.

    Attributes:
        patients: two arms of them.
        visits: of each; a tenth are missing.
        covariance: structure.
        r_times: fits timed in R; 0 where R would take minutes.
    """

    patients: int
    visits: int
    covariance: str
    r_times: int


JOBS = (
    Job(200, 4, "un", 5),
    Job(200, 4, "ar1h", 5),
    Job(200, 10, "un", 0),
    Job(2_000, 4, "un", 1),
    Job(20_000, 4, "un", 0),
    Job(100_000, 4, "un", 0),
)


def trial(patients: int, visits: int, seed: int = 1) -> pd.DataFrame:
    """Two arms, a baseline covariate, correlated visits, a tenth of them missing."""
    rng = np.random.default_rng(seed)
    L = np.tril(rng.normal(0.0, 0.4, size=(visits, visits))) + np.eye(visits)
    arm = np.arange(patients) % 2
    base = rng.normal(size=patients)
    y = (
        rng.normal(size=(patients, visits)) @ L.T
        + base[:, None]
        - 0.2 * np.outer(arm, range(visits))
    )
    frame = pd.DataFrame(
        {
            "y": y.ravel(),
            "id": np.repeat(np.arange(patients), visits),
            "arm": np.repeat(np.where(arm, "B", "A"), visits),
            "week": pd.Categorical(np.tile([f"w{k:02d}" for k in range(visits)], patients)),
            "base": np.repeat(base, visits),
        }
    )
    return frame[rng.random(len(frame)) > 0.1].reset_index(drop=True)


def port_seconds(job: Job, frame: pd.DataFrame) -> tuple[float, float]:
    """Median time of a fit, and its criterion."""
    times, criterion = [], np.nan
    for _ in range(15 if job.patients < 5_000 else 3):
        start = time.perf_counter()
        criterion = harness.mmrm(FORMULA, frame, covariance=job.covariance).criterion
        times.append(time.perf_counter() - start)
    return float(np.median(times)), criterion


def r_seconds(job: Job, frame: pd.DataFrame) -> tuple[float, float]:
    """The same of gls."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        frame.to_csv(path, index=False)
        said = subprocess.run(
            ["Rscript", "--vanilla", "-e", R, str(path), job.covariance, str(job.r_times)],
            capture_output=True,
            text=True,
            check=True,
        )
    seconds, criterion = (float(word) for word in said.stdout.replace("[1]", "").split())
    return seconds, criterion


def main() -> int:
    """Print the table."""
    for job in JOBS:
        frame = trial(job.patients, job.visits)
        seconds, criterion = port_seconds(job, frame)
        line = (
            f"{job.patients:>7,} x {job.visits:<2} {job.covariance:<5} port {1e3 * seconds:8.2f} ms"
        )
        if job.r_times:
            there, found = r_seconds(job, frame)
            line += f"   gls {1e3 * there:9.0f} ms   {there / seconds:6.0f}x   "
            line += f"gls ends {found - criterion:.1e} deviance units higher"
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
