"""Jump to reference against what it converges to: the conditional means, in closed form.

A linear estimate of data with drawn values has, over draws, the expectation of the same estimate
with conditional means in their place (Wolbers et al. 2022, Pharm. Stat. 21, 1246-1257). With
monotone data the parameters of each visit's regression are independent a posteriori, so that those
means are made of least-squares estimates alone.
"""

from __future__ import annotations

import numpy as np
import pytest
from trial_with_losses import COLUMNS, trial_with_losses

import harness
from harness.engines.port.imputation.imputed import Imputed
from harness.engines.port.imputation.pooling import pool
from harness.errors import HarnessError

MCSE = 4.0
"""Monte-Carlo standard errors within which an answer is as it should be (policy: T4)."""


def least_squares(D: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.lstsq(D, y)[0])


def conditional_means(imputed: Imputed, reference: int, other: int) -> np.ndarray:
    """(n, V) the data of the other arm with the reference's conditional means where lost."""
    wide = imputed.wide
    V = wide.Y.shape[1]
    gamma, slope = {}, {}
    for arm in (reference, other):
        Y = wide.Y[wide.of_arm == arm]
        Z = np.column_stack([np.ones(len(Y)), Y[:, 0]])
        for t in range(1, V):
            seen = ~np.isnan(Y[:, t])
            D = np.column_stack([Z, Y[:, 1:t]])
            beta = least_squares(D[seen], Y[seen, t])
            gamma[arm, t], slope[arm, t] = beta[:2], beta[2:]
    Y = wide.Y[wide.of_arm == other].copy()
    Z = np.column_stack([np.ones(len(Y)), Y[:, 0]])
    mean = {}
    for arm in (reference, other):
        found = np.empty((len(Y), V - 1))
        for t in range(1, V):
            found[:, t - 1] = Z @ gamma[arm, t] + found[:, : t - 1] @ slope[arm, t]
        mean[arm] = found
    for i in range(len(Y)):
        lost = np.flatnonzero(np.isnan(Y[i]))
        if not len(lost):
            continue
        before = (
            mean[reference][i, : lost[0] - 1] + Y[i, 1 : lost[0]] - mean[other][i, : lost[0] - 1]
        )
        for t in lost:
            Y[i, t] = Z[i] @ gamma[reference, t] + before @ slope[reference, t]
            before = np.append(before, Y[i, t])
    return Y


@pytest.mark.parametrize("visits", [2, 4])
def test_means_are_the_conditional_means(visits: int) -> None:
    data = trial_with_losses(30, visits, seed=8, loss=(0.3, 0.6))
    imputed = harness.impute(data, "y", **COLUMNS, imputations=1500, iterations=2, seed=4)
    jumped = imputed.jump_to_reference("TAU", baseline="v0")
    wanted = conditional_means(imputed, 0, 1)[:, 1:].mean(axis=0)
    drawn = jumped.values[:, imputed.wide.of_arm == 1, 1:].mean(axis=1)
    at_random = imputed.values[:, imputed.wide.of_arm == 1, 1:].mean(axis=1)
    found, other = (pool(means, np.ones(means.shape)) for means in (drawn, at_random))
    errors = found.mc_error.estimate
    assert (np.abs(found.numbers.estimate - wanted) < MCSE * errors).all()
    assert (np.abs(other.numbers.estimate - wanted) > 2 * MCSE * errors).all()


def test_the_variance_over_draws_is_the_posteriors() -> None:
    """Two waves: of a mean of ``x'beta + sigma e`` with the reference arm's regression."""
    data = trial_with_losses(30, 2, seed=8, loss=(0.3, 0.6))
    imputed = harness.impute(data, "y", **COLUMNS, imputations=4000, seed=4)
    drawn = imputed.jump_to_reference("TAU", baseline="v0").values
    wide = imputed.wide
    D = np.column_stack([np.ones(len(wide.Y)), wide.Y[:, 0]])
    seen = ~wide.missing[:, 1] & (wide.of_arm == 0)
    lost = wide.missing[:, 1] & (wide.of_arm == 1)
    rest = wide.Y[seen, 1] - D[seen] @ least_squares(D[seen], wide.Y[seen, 1])
    s2 = rest @ rest / (seen.sum() - 4)
    x = D[lost].mean(axis=0)
    wanted = s2 * (1 / lost.sum() + x @ np.linalg.inv(D[seen].T @ D[seen]) @ x)
    means = drawn[:, lost, 1].mean(axis=1)
    found = pool(means, np.ones(len(means)))
    assert abs(found.numbers.between[0] - wanted) < MCSE * found.mc_error.between[0]


def test_only_the_lost_of_other_arms_jump() -> None:
    data = trial_with_losses(visits=4)
    # Two gaps between values that were seen, which stay drawn as missing at random.
    held = (data["id"].isin(["New0", "TAU0"])) & (data["visit"] == "v2")
    imputed = harness.impute(
        data.assign(y=data["y"].mask(held)), "y", **COLUMNS, imputations=3, iterations=2
    )
    jumped = imputed.jump_to_reference("TAU", baseline="v0")
    changed = (jumped.values != imputed.values).all(axis=0)
    lost = imputed.wide.missing.copy()
    lost[held.to_numpy().reshape(lost.shape)] = False
    assert (changed == (lost & (imputed.wide.of_arm == 1)[:, None])).all()
    assert jumped.assumption == "jump to reference TAU"
    assert jumped.fit("y ~ arm", visits=["v3"]).assumption == "jump to reference TAU"
    again = imputed.jump_to_reference("TAU", baseline="v0")
    assert (again.values == jumped.values).all()


@pytest.mark.parametrize(
    ("reference", "baseline", "message"),
    [
        ("Placebo", "v0", "no patient is in arm 'Placebo'; arms: TAU, New"),
        ("TAU", "v1", "baseline must be the first visit, v0, not v1"),
        ("TAU", "week 0", "`visit` has no visit 'week 0'; visits: v0, v1, v2"),
    ],
)
def test_an_arm_or_baseline_that_is_none_is_refused(
    reference: str, baseline: str, message: str
) -> None:
    imputed = harness.impute(trial_with_losses(), "y", **COLUMNS, imputations=2, iterations=1)
    with pytest.raises(HarnessError, match=message):
        imputed.jump_to_reference(reference, baseline=baseline)
    with pytest.raises(HarnessError, match="already imputed otherwise"):
        imputed.shifted(1.0).jump_to_reference("TAU", baseline="v0")
