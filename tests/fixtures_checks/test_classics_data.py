"""The classics against published fits, recomputed in closed form.

Every design here is balanced: REML inside its bounds equals the analysis-of-variance estimates,
so that published variance components follow from mean squares, with no mixed-model software.
Published values: Bates, Maechler, Bolker and Walker, J. Stat. Softw. 67(1), 2015 (sleepstudy);
the lme4 package's own printed examples (the others).
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from .study_files import FIXTURES

Floats = npt.NDArray[np.float64]


def classic(name: str) -> pd.DataFrame:
    return pd.read_csv(FIXTURES / "classics" / f"{name}.csv")


def table(name: str, response: str, *factors: str) -> Floats:
    """The response as an array with one axis a factor and the replicates last."""
    data = classic(name)
    sizes = [data[factor].nunique() for factor in factors]
    data = data.sort_values(list(factors), kind="stable")
    return data[response].to_numpy(dtype=float).reshape(*sizes, -1)


def one_way(y: Floats) -> tuple[float, float]:
    """Mean squares between and within the rows of ``y``."""
    groups, n = y.shape
    between = n * y.mean(axis=1).var(ddof=1)
    within = ((y - y.mean(axis=1, keepdims=True)) ** 2).sum() / (groups * (n - 1))
    return float(between), float(within)


def test_files_are_the_pinned_ones() -> None:
    """``sha256sum -c SHA256SUMS`` without the shell: closed forms do not see a last digit."""
    folder = FIXTURES / "classics"
    lines = (folder / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    pinned = dict(reversed(line.split("  ")) for line in lines)
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.csv")
    }
    assert found == pinned


def test_sleepstudy_is_balanced() -> None:
    data = classic("sleepstudy")
    assert list(data.columns) == ["Reaction", "Days", "Subject"]
    assert (len(data), data["Subject"].nunique()) == (180, 18)
    assert (data.groupby("Subject")["Days"].apply(list) == [list(range(10))] * 18).all()


def test_sleepstudy_gives_the_published_fit() -> None:
    y = table("sleepstudy", "Reaction", "Subject", "Days")[..., 0]
    x = np.column_stack([np.ones(10), np.arange(10.0)])
    lines = np.linalg.solve(x.T @ x, x.T @ y.T).T
    sigma2 = ((y - lines @ x.T) ** 2).sum() / (18 * 8)
    covariance = np.cov(lines.T) - sigma2 * np.linalg.inv(x.T @ x)
    sd = np.sqrt(np.diag(covariance))
    assert lines.mean(axis=0) == pytest.approx([251.4051, 10.46729], rel=1e-6)
    # lme4 prints 24.741: its default optimiser stops at 24.74066, the optimum is 24.74045.
    assert sd == pytest.approx([24.74045, 5.92213], abs=5e-6)
    assert covariance[0, 1] / sd.prod() == pytest.approx(0.06555, abs=5e-6)
    assert np.sqrt(sigma2) == pytest.approx(25.59182, abs=5e-6)


def test_dyestuff_gives_the_published_fit() -> None:
    y = table("Dyestuff", "Yield", "Batch")
    between, within = one_way(y)
    assert y.shape == (6, 5)
    assert y.mean() == 1527.5
    assert np.sqrt(within) == pytest.approx(49.5101, rel=1e-6)
    assert np.sqrt((between - within) / 5) == pytest.approx(42.0006, rel=1e-5)


def test_dyestuff2_has_no_batch_variance() -> None:
    y = table("Dyestuff2", "Yield", "Batch")
    between, within = one_way(y)
    assert y.shape == (6, 5)
    assert y.mean() == pytest.approx(5.6656, abs=5e-5)
    assert between < within
    assert y.std(ddof=1) == pytest.approx(3.7157, rel=1e-5)


def test_penicillin_gives_the_published_fit() -> None:
    y = table("Penicillin", "diameter", "plate", "sample")[..., 0]
    assert y.shape == (24, 6)
    rows, columns = y.mean(axis=1), y.mean(axis=0)
    residual = y - rows[:, None] - columns + y.mean()
    sigma2 = (residual**2).sum() / (23 * 5)
    assert y.mean() == pytest.approx(22.9722, abs=5e-5)
    assert np.sqrt(sigma2) == pytest.approx(0.5499, abs=5e-5)
    assert np.sqrt(rows.var(ddof=1) - sigma2 / 6) == pytest.approx(0.8467, abs=5e-5)
    assert np.sqrt(columns.var(ddof=1) - sigma2 / 24) == pytest.approx(1.9316, abs=5e-5)


def test_pastes_gives_the_published_fit() -> None:
    data = classic("Pastes")
    assert (data["sample"] == data["batch"] + ":" + data["cask"]).all()
    y = table("Pastes", "strength", "batch", "cask")
    assert y.shape == (10, 3, 2)
    casks = y.mean(axis=2)
    sigma2 = ((y - casks[..., None]) ** 2).sum() / 30
    sample2 = ((casks - casks.mean(axis=1, keepdims=True)) ** 2).sum() / 20 - sigma2 / 2
    batch2 = casks.mean(axis=1).var(ddof=1) - (sample2 + sigma2 / 2) / 3
    assert y.mean() == pytest.approx(60.0533, abs=5e-5)
    assert np.sqrt([sigma2, sample2, batch2]) == pytest.approx([0.8234, 2.9041, 1.2874], abs=5e-5)


def test_cake_gives_the_published_fit() -> None:
    data = classic("cake")
    assert (data["temperature"] == data["temp"]).all()
    assert sorted(data["replicate"].unique()) == list(range(1, 16))
    y = table("cake", "angle", "recipe", "replicate", "temp")[..., 0]
    assert y.shape == (3, 15, 6)
    whole = y.mean(axis=2)
    cell = y.mean(axis=1)
    residual = y - whole[..., None] - cell[:, None] + y.mean(axis=(1, 2))[:, None, None]
    sigma2 = (residual**2).sum() / (3 * 14 * 5)
    between2 = ((whole - whole.mean(axis=1, keepdims=True)) ** 2).sum() / (3 * 14)
    assert np.sqrt(sigma2) == pytest.approx(4.5245, abs=5e-5)
    assert np.sqrt(between2 - sigma2 / 6) == pytest.approx(6.4682, abs=5e-5)
