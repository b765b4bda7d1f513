"""Repeated measures (``harness.mmrm``) beside nlme's gls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from row import Row
from timing import beside, script_seconds

import harness

FORMULA = "y ~ base + arm * week"


@dataclass(frozen=True, slots=True)
class Job:
    """One line.

    Attributes:
        patients: two arms of them.
        visits: of each; a tenth are missing.
        covariance: structure.
        repetitions: fits timed in R; 0 where R would take minutes.
        ratio: how many times faster than R the port must be.
        most: most the port may take, in seconds.
    """

    patients: int
    visits: int
    covariance: str
    repetitions: int
    ratio: float = 0.0
    most: float | None = None


JOBS = (
    Job(200, 4, "un", 3, 50.0),
    Job(200, 4, "ar1h", 3, 20.0),
    Job(200, 10, "un", 0, most=0.2),
    Job(2_000, 4, "un", 1, 100.0),
    Job(100_000, 4, "un", 0, most=2.0),
)


def rows(wanted: Callable[[str], bool]) -> Iterator[Row]:
    """The rows whose names are wanted."""
    for job in JOBS:
        name = f"mmrm {job.covariance}: {job.patients:,} x {job.visits}"
        if wanted(name):
            yield _row(name, job)


def _row(name: str, job: Job) -> Row:
    frame = trial(job.patients, job.visits)

    def run() -> None:
        _ = harness.mmrm(FORMULA, frame, covariance=job.covariance).criterion

    def there() -> float:
        return script_seconds("gls.R", frame, job.covariance, str(job.repetitions))

    port, r = beside(run, there if job.repetitions else None)
    return Row(
        name, len(frame), port, r, "nlme gls" if job.repetitions else "", job.ratio, job.most
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
