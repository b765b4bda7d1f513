"""Models and frames that the tests of the R side share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.language.formula import parse_formula
from harness.models.spec import ModelSpec

CLASSICS = Path(__file__).resolve().parents[1] / "fixtures" / "classics"


def spec(formula: str, **choices: Any) -> ModelSpec:
    return ModelSpec(parse_formula(formula), **choices)


def sleepstudy() -> pd.DataFrame:
    return classic("sleepstudy", "Subject")


def classic(name: str, *factors: str) -> pd.DataFrame:
    frame = pd.read_csv(CLASSICS / f"{name}.csv", dtype=dict.fromkeys(factors, "str"))
    for factor in factors:
        frame[factor] = pd.Categorical(frame[factor], categories=sorted(frame[factor].unique()))
    return frame


SLEEP = "Reaction ~ Days + (Days | Subject)"


def trial(seed: int, *, slope_sd: float = 0.05, patients: int = 96) -> pd.DataFrame:
    """A parallel-arm trial, four waves, drop-outs; a small ``slope_sd`` makes a flat criterion."""
    rng = np.random.default_rng(seed)
    weeks = np.array([0.0, 4.0, 8.0, 12.0])
    rows = []
    for patient in range(patients):
        intercept, slope = rng.normal(0, 6), rng.normal(0, slope_sd)
        last = rng.choice([2, 3, 4, 4, 4, 4])
        for week in weeks[:last]:
            arm = patient % 2
            mean = 50 + intercept + (slope - 0.1 * arm) * week
            rows.append((f"p{patient:03d}", "AB"[arm], week, mean + rng.normal(0, 5)))
    frame = pd.DataFrame(rows, columns=["id", "arm", "week", "y"])
    frame["id"] = pd.Categorical(frame["id"])
    frame["arm"] = pd.Categorical(frame["arm"], categories=["A", "B"])
    return frame


def awkward() -> pd.DataFrame:
    """Missing values, unused levels, level order, names and texts that are hard to carry."""
    rng = np.random.default_rng(3)
    n, ids = 240, np.repeat(np.arange(60), 4)
    effect = rng.normal(size=60)
    frame = pd.DataFrame(
        {
            "y": rng.normal(size=n) + effect[ids],
            "my y": rng.normal(size=n) + effect[ids],
            "x": rng.normal(size=n),
            "count": rng.integers(0, 9, n),
            "arm": pd.Categorical(rng.choice(["A", "B", "C"], n), categories=["B", "A", "C", "D"]),
            "my id": pd.Categorical([f"né {i}" for i in ids]),
            "id": pd.Categorical([f"s{i}" for i in ids], categories=[f"s{i}" for i in range(70)]),
            "text": pd.Series(rng.choice(["u", "é", "Z"], n), dtype="str"),
            "flag": rng.choice([True, False], n),
        }
    )
    frame.loc[[3, 9], "y"] = np.nan
    frame.loc[5, "x"] = np.nan
    frame.loc[17, "arm"] = None
    frame.loc[21, "text"] = None
    return frame
