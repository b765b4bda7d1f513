"""A trial whose effect depends on a baseline value, and dense algebra for it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd


def moderated_trial(seed: int = 7, per_arm: int = 30, drop: float = 0.15) -> pd.DataFrame:
    """Two arms, two visits, drop-outs; benefit shrinks with the baseline marker ``z``."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(2 * per_arm):
        arm, z, own = k % 2, rng.normal(2.0, 1.5), rng.normal(0, 8)
        out = rng.random() < drop
        for visit in ("pre", "post")[: 1 if out else 2]:
            post = visit == "post"
            mean = 60 - 2 * post + (-12 + 4 * z) * arm * post + 1.5 * z
            y = mean + own + rng.normal(0, 6)
            rows.append((f"P{k:03d}", ("TAU", "MBSR")[arm], visit, z, y))
    frame = pd.DataFrame(rows, columns=["id", "arm", "time", "z", "y"])
    frame["id"] = pd.Categorical(frame["id"])
    frame["arm"] = pd.Categorical(frame["arm"], categories=["TAU", "MBSR"])
    frame["time"] = pd.Categorical(frame["time"], categories=["pre", "post"])
    return frame


def change_scores(seed: int = 7) -> pd.DataFrame:
    """The complete patients' changes."""
    wide = moderated_trial(seed, drop=0.0).pivot_table(
        index=["id", "arm", "z"], columns="time", values="y", observed=True
    )
    wide["change"] = wide["post"] - wide["pre"]
    return wide.reset_index()


def quadratic_bounds(
    beta: npt.NDArray[np.float64], V: npt.NDArray[np.float64], c: float
) -> list[float]:
    """Roots m of (b0 + m b1)^2 = c^2 (v00 + 2 m v01 + m^2 v11); ascending."""
    leading = beta[1] ** 2 - c**2 * V[1, 1]
    middle = beta[0] * beta[1] - c**2 * V[0, 1]
    last = beta[0] ** 2 - c**2 * V[0, 0]
    found = np.roots([leading, 2 * middle, last])
    return sorted(found.real[np.abs(found.imag) < 1e-12].tolist())
