"""A drawn trial of three visits for models with a covariance by visit, a fifth of it missing."""

from __future__ import annotations

import numpy as np
import pandas as pd

from harness.language import parse_formula
from harness.models.spec import Covariance, DfMethod, ModelSpec, Repeated


def by_visit(seed: int = 7, patients: int = 36) -> pd.DataFrame:
    """Rows in no order: id, arm (A, B), week (w0, w4, w8), age, y with missing values."""
    rng = np.random.default_rng(seed)
    sd, cor = np.array([1.0, 1.4, 1.9]), np.array([[1, 0.6, 0.35], [0.6, 1, 0.5], [0.35, 0.5, 1]])
    errors = rng.multivariate_normal(np.zeros(3), cor * np.outer(sd, sd), patients)
    age = rng.integers(30, 65, patients)
    frame = pd.DataFrame(
        {
            "id": np.repeat([f"p{k:02d}" for k in range(patients)], 3),
            "arm": np.repeat(np.where(np.arange(patients) % 2 == 1, "B", "A"), 3),
            "week": np.tile(["w0", "w4", "w8"], patients),
            "age": np.repeat(age, 3).astype(float),
            "y": 20 + errors.ravel() + 0.03 * np.repeat(age, 3),
        }
    )
    frame.loc[(frame["arm"] == "B") & (frame["week"] != "w0"), "y"] -= 1.2
    lost = (rng.random(len(frame)) < 0.2) & (frame["week"] != "w0")
    frame.loc[lost, "y"] = np.nan
    frame["arm"] = pd.Categorical(frame["arm"], categories=["A", "B"])
    frame["week"] = pd.Categorical(frame["week"], categories=["w0", "w4", "w8"])
    frame["id"] = pd.Categorical(frame["id"])
    return frame.sample(frac=1.0, random_state=3).reset_index(drop=True)


def mmrm_spec(
    covariance: Covariance = "un",
    formula: str = "y ~ age + arm * week",
    df_method: DfMethod = "satterthwaite",
    *,
    reml: bool = True,
) -> ModelSpec:
    """A model by visit of :func:`by_visit`."""
    repeated = Repeated("id", "week", covariance)
    return ModelSpec(parse_formula(formula), reml=reml, df_method=df_method, repeated=repeated)
