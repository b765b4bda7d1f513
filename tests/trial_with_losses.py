"""A two-armed trial from which patients are lost for good, in long form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd


def trial_with_losses(
    patients: int = 30,
    visits: int = 3,
    seed: int = 5,
    loss: Sequence[float] = (0.35, 0.45),
    effect: float = -6.0,
) -> pd.DataFrame:
    """So many patients an arm, a baseline and ``visits - 1`` visits; ``loss``: how likely, by arm.

    Slope, effect and residual differ between the arms, so that a model of imputation that takes
    them for equal is wrong.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for k, arm in enumerate(("TAU", "New")):
        level = rng.normal(0.0, 6.0, patients)
        base = 50.0 + level + rng.normal(0.0, 4.0, patients)
        lost = np.where(
            rng.uniform(size=patients) < loss[k], rng.integers(1, visits, patients), visits
        )
        lost[:5] = visits
        for i in range(patients):
            for t in range(visits):
                y = (
                    base[i]
                    if t == 0
                    else (
                        50.0
                        + level[i] * (1.0 - 0.3 * k)
                        + k * effect * t
                        + rng.normal(0.0, 4.0 + 2.0 * k)
                    )
                )
                rows.append(
                    {
                        "id": f"{arm}{i}",
                        "arm": arm,
                        "visit": f"v{t}",
                        "age": 40.0 + (7 * i) % 23,
                        "base": base[i],
                        "y": y if t < lost[i] else np.nan,
                    }
                )
    frame = pd.DataFrame(rows)
    frame["arm"] = pd.Categorical(frame["arm"], ["TAU", "New"])
    frame["visit"] = pd.Categorical(frame["visit"], [f"v{t}" for t in range(visits)])
    return frame


COLUMNS = {"id": "id", "time": "visit", "arm": "arm"}
