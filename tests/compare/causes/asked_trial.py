"""A trial, and what is asked of it: 60 patients, 4 visits, some missing."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from harness.compare.causes import Asked
from harness.engines.port.engine import PortEngine
from harness.language import parse_formula
from harness.models.spec import ModelSpec

PORT = PortEngine()
FORMULA = "y ~ arm * visit + age + (week | id)"


@cache
def trial() -> pd.DataFrame:
    """60 patients, 4 visits, some missing; weights and an offset at hand."""
    rng = np.random.default_rng(11)
    n, weeks = 60, np.array([0.0, 2.0, 4.0, 8.0])
    arm = np.tile([0, 1], n // 2)
    level, slope = rng.normal(0, 4, n), rng.normal(0, 0.7, n)
    week = np.tile(weeks, n)
    who = np.repeat(np.arange(n), 4)
    y = 30 + level[who] + (slope[who] - 0.5 * arm[who]) * week + rng.normal(0, 2, 4 * n)
    frame = pd.DataFrame(
        {
            "y": y,
            "week": week,
            "visit": pd.Categorical(week.astype(int).astype(str), ["0", "2", "4", "8"]),
            "arm": pd.Categorical(np.where(arm[who], "MBSR", "TAU"), ["TAU", "MBSR"]),
            "age": np.repeat(rng.integers(30, 60, n).astype(float), 4),
            "id": pd.Categorical([f"P{k:02d}" for k in who]),
            "w": np.repeat(rng.uniform(0.5, 2.0, n), 4),
            "o": rng.normal(size=4 * n),
        }
    )
    frame.loc[(rng.uniform(size=4 * n) < 0.1) & (week > 0), "y"] = np.nan
    return frame


def spec(formula: str = FORMULA, **changes: object) -> ModelSpec:
    return replace(ModelSpec(parse_formula(formula)), **changes)  # type: ignore[arg-type]


def asked(given: ModelSpec | None = None, frame: pd.DataFrame | None = None) -> Asked:
    rows = trial() if frame is None else frame
    return Asked(
        given or spec(), rows, id="id", time="week", sets={"women": rows[rows["age"] > 40]}
    )
