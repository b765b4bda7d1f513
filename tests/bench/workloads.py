"""The data that are timed."""

from __future__ import annotations

import io
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

CLASSICS = Path(__file__).resolve().parents[2] / "fixtures" / "classics"


def classic(name: str, *factors: str) -> pd.DataFrame:
    """One of lme4's data sets, named columns as factors and all others as floats."""
    frame = pd.read_csv(CLASSICS / f"{name}.csv")
    kinds = {c: "category" if c in factors else float for c in frame.columns}
    return frame.astype(kinds)


def two_wave() -> pd.DataFrame:
    """70 patients, two arms, baseline and post."""
    rng = np.random.default_rng(7)
    arm = np.repeat(np.tile([0, 1], 35), 2)
    post = np.tile([0, 1], 70)
    level = np.repeat(rng.normal(60, 12, size=70), 2)
    y = level - 2 * post - 9 * arm * post + rng.normal(0, 8, size=140)
    return pd.DataFrame(
        {
            "y": y,
            "arm": pd.Categorical(np.where(arm, "MBSR", "TAU")),
            "time": pd.Categorical(np.where(post, "t1", "t0")),
            "id": pd.Categorical([f"P{k:02d}" for k in np.repeat(range(70), 2)]),
        }
    )


@cache
def visits(patients: int, waves: int, drop: float, seed: int, own_times: bool) -> pd.DataFrame:
    """Patients over weekly visits, a share of them without the last, or each at own times."""
    rng = np.random.default_rng(seed)
    last = np.where(rng.random(patients) < drop, waves - 1, waves)
    ids = np.repeat(np.arange(patients), last)
    week = np.concatenate([np.arange(k) for k in last]).astype(float)
    arm = ids % 2
    b = rng.multivariate_normal([0, 0], [[16.0, 1.0], [1.0, 0.8]], size=patients)
    if own_times:
        week = week + rng.uniform(-0.3, 0.3, size=len(week))
    y = 50 + b[ids, 0] + (b[ids, 1] - 0.6 * arm) * week + rng.normal(0, 4, size=len(ids))
    return pd.DataFrame(
        {
            "y": y,
            "arm": pd.Categorical(np.where(arm, "B", "A")),
            "week": week,
            "id": pd.Categorical(ids),
        }
    )


@cache
def evaluations() -> pd.DataFrame:
    """Lecturers' ratings by students (lme4's InstEval), exported by R: 73,421 rows."""
    columns = "lme4::InstEval[, c('y', 'service', 's', 'd', 'dept')]"
    said = subprocess.run(
        ["Rscript", "--vanilla", "-e", f"write.csv({columns}, row.names = FALSE)"],
        capture_output=True,
        text=True,
        check=True,
    )
    frame = pd.read_csv(io.StringIO(said.stdout))
    return frame.astype(dict.fromkeys(("service", "s", "d", "dept"), "category"))


SLOPES = "Reaction ~ Days + (Days | Subject)"
TRIAL = "y ~ time * arm + (1 | id)"
WAVES = "y ~ arm * week + (week | id)"
PASTES = "strength ~ 1 + (1 | batch / cask)"
RATINGS = "y ~ service + (1 | s) + (1 | d) + (1 | dept)"
