"""Generated designs with several factors, unbalanced to the point of empty cells."""

from __future__ import annotations

import numpy as np
import pandas as pd


def cells(
    seed: int,
    groups: int = 15,
    rows: int = 8,
    empty: bool = False,
    sd: float = 1.0,
    levels: tuple[int, int, int] = (3, 3, 2),
) -> pd.DataFrame:
    """Three crossed factors and two numbers within groups, cells of very unequal size.

    Args:
        empty: whether some cells have no rows: one of a x b, one more of a x b x c.
        sd: of the groups, the residual's being 1.
    """
    rng = np.random.default_rng(seed)
    n = groups * rows
    g = np.repeat(np.arange(groups), rows)
    uneven = [np.arange(k, 0, -1) / np.arange(1, k + 1).sum() for k in levels]
    codes = [rng.choice(len(p), size=n, p=p) for p in uneven]
    frame = pd.DataFrame(
        {
            name: pd.Categorical([f"{name}{k + 1}" for k in code])
            for name, code in zip("abc", codes, strict=True)
        }
    )
    frame["g"] = pd.Categorical([f"g{k:02d}" for k in g])
    frame["x"] = rng.normal(size=n) + 0.3 * codes[0]
    frame["z"] = rng.uniform(5, 9, size=n)
    noise = rng.normal(size=n) + sd * rng.normal(size=groups)[g]
    frame["y"] = 0.5 * codes[0] * codes[2] + 0.4 * frame["x"] * codes[1] - 0.2 * frame["z"] + noise
    if empty:
        gone = (codes[0] == 1) & (codes[1] == 2)
        gone |= (codes[0] == 2) & (codes[1] == 1) & (codes[2] == 0)
        frame = frame[~gone].reset_index(drop=True)
    return frame
