"""Data and dense likelihoods for the port's tests, written without the port's algebra."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

CLASSICS = Path(__file__).resolve().parents[3] / "fixtures" / "classics"
FACTORS = {
    "sleepstudy": ("Subject",),
    "Dyestuff": ("Batch",),
    "Dyestuff2": ("Batch",),
    "Penicillin": ("plate", "sample"),
    "Pastes": ("batch", "cask", "sample"),
    "cake": ("replicate", "recipe", "temperature"),
}


@cache
def classic(name: str) -> pd.DataFrame:
    """One of lme4's data sets: factors as Categorical, numbers as floats."""
    frame = pd.read_csv(CLASSICS / f"{name}.csv")
    for column in frame.columns:
        if column in FACTORS[name]:
            values = frame[column]
            frame[column] = pd.Categorical(values, categories=sorted(values.unique()))
        else:
            frame[column] = frame[column].astype(float)
    return frame


def two_wave(
    seed: int = 1, per_arm: int = 35, correlation: float = 0.6, effect: float = -11.0
) -> pd.DataFrame:
    """A trial with two arms and two complete visits, one row a visit."""
    rng = np.random.default_rng(seed)
    n = 2 * per_arm
    arm = np.repeat([0, 1], per_arm)
    noise = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], size=n) * 15.0
    pre = 60.0 + noise[:, 0]
    post = 58.0 + effect * arm + noise[:, 1]
    ids = [f"P{k:03d}" for k in range(n)]
    return pd.DataFrame(
        {
            "y": np.column_stack([pre, post]).ravel(),
            "time": pd.Categorical(np.tile(["pre", "post"], n), categories=["pre", "post"]),
            "arm": pd.Categorical(np.repeat(np.where(arm, "MBSR", "TAU"), 2), ["TAU", "MBSR"]),
            "z": np.repeat(rng.normal(size=n), 2),
            "id": pd.Categorical(np.repeat(ids, 2)),
        }
    )


def longitudinal(
    seed: int,
    groups: int = 40,
    visits: int = 5,
    sd: tuple[float, float] = (1.0, 0.4),
    correlation: float = 0.2,
    grid: bool = True,
    missing: float = 0.2,
) -> pd.DataFrame:
    """A two-arm trial over several visits with rows missing at random, rows in random order."""
    rng = np.random.default_rng(seed)
    rows = []
    covariance = np.diag(sd) @ [[1, correlation], [correlation, 1]] @ np.diag(sd)
    for g in range(groups):
        b = rng.multivariate_normal([0, 0], covariance)
        times = np.arange(visits) if grid else rng.uniform(0, visits, size=visits)
        for t in times:
            if rng.random() >= missing or t == times[0]:
                y = 3 + 0.5 * (g % 2) + 0.3 * t - 0.2 * t * (g % 2) + b[0] + b[1] * t
                rows.append((f"g{g:03d}", "AB"[g % 2], float(t), y + rng.normal()))
    frame = pd.DataFrame(rows, columns=["g", "arm", "t", "y"])
    frame["g"] = pd.Categorical(frame["g"])
    frame["arm"] = pd.Categorical(frame["arm"])
    return frame.sample(frac=1.0, random_state=seed).reset_index(drop=True)


def dense_z(columns: list[list[npt.NDArray[np.float64]]], codes: npt.NDArray) -> npt.NDArray:
    """Z (n, G q): the random-effects columns of all terms, spread over the groups."""
    flat = [column for term in columns for column in term]
    groups = int(codes.max()) + 1
    Z = np.zeros((len(codes), groups * len(flat)))
    for j, column in enumerate(flat):
        Z[np.arange(len(codes)), codes * len(flat) + j] = column
    return Z


def dense_criterion(
    y: npt.NDArray, X: npt.NDArray, Z: npt.NDArray, Lambda: npt.NDArray, reml: bool
) -> float:
    """Minus twice the log of the (restricted) marginal likelihood, sigma at its best value.

    Straight from the normal density with covariance ``sigma^2 (I + Z S Z')``.
    """
    n, p = X.shape
    groups = Z.shape[1] // len(Lambda)
    V = np.eye(n) + Z @ np.kron(np.eye(groups), Lambda @ Lambda.T) @ Z.T
    Vi = np.linalg.inv(V)
    information = X.T @ Vi @ X
    residual = y - X @ np.linalg.solve(information, X.T @ Vi @ y)
    d = n - p if reml else n
    quadratic = residual @ Vi @ residual
    value = d * np.log(2 * np.pi * quadratic / d) + d + np.linalg.slogdet(V)[1]
    return float(value + (np.linalg.slogdet(information)[1] if reml else 0.0))


def trial_by_site(
    seed: int,
    sites: int = 6,
    patients: int = 30,
    visits: int = 4,
    raters: int = 7,
    sd: tuple[float, float, float, float] = (1.0, 0.3, 0.7, 0.5),
    missing: float = 0.15,
) -> pd.DataFrame:
    """Patients nested in sites, seen by raters crossed with both; unbalanced, with empty cells.

    Args:
        sd: of patients' levels, patients' slopes, sites and raters, the residual's being 1.
    """
    rng = np.random.default_rng(seed)
    site = rng.integers(0, sites, size=patients)
    level, slope = rng.normal(0, sd[0], patients), rng.normal(0, sd[1], patients)
    of_site, of_rater = rng.normal(0, sd[2], sites), rng.normal(0, sd[3], raters)
    rows = []
    for i in range(patients):
        for t in range(visits):
            if t > 0 and rng.random() < missing:
                continue
            r = int(rng.integers(0, raters))
            y = 3 + 0.4 * (i % 2) + (slope[i] + 0.2) * t + level[i] + of_site[site[i]]
            y += of_rater[r] + rng.normal()
            rows.append((f"p{i:02d}", f"s{site[i]}", f"r{r}", "AB"[i % 2], float(t), y))
    frame = pd.DataFrame(rows, columns=["id", "site", "rater", "arm", "t", "y"])
    for column in ("id", "site", "rater", "arm"):
        frame[column] = pd.Categorical(frame[column])
    return frame.sample(frac=1.0, random_state=seed).reset_index(drop=True)
