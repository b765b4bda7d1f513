"""The port beside itself: a response in another unit, a predictor with another origin.

Where R is the noisier side it answers in the unit, and at the origin, in which it keeps its digits
(``rules.py``); here the port's answers in all others are held to those, which R is held to.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from models import EVERY, GRID, LATE
from port_answers import Answer, answer, fitted
from quantities import QUANTITIES

SCALED = [name for name, model in GRID.items() if model.unit != 1.0]
TIGHT = 1e-10

SQUARED = ("vcov",)
IN_UNIT = (
    "beta", "se", "sigma", "ranef", "condsd", "fitted", "residual_raw", "residual_pearson",
    "predict_new", "predict_fixed", "simulate", "wald_z", "wald_sw", "wald_kr", "kr_se",
    "refit_beta", "refit_se", "dfbeta",
)  # fmt: skip
ENDINGS = ("_estimate", "_se", "_ci")
OF_THE_CRITERION = {
    **dict.fromkeys(("criterion", "refit_criterion", "aic", "bic"), 1.0),
    **dict.fromkeys(("loglik", "ranova_loglik"), -0.5),
}


def power(quantity: str) -> int:
    """By which power of the response's unit a quantity is multiplied."""
    if quantity in SQUARED:
        return 2
    return int(quantity in IN_UNIT or quantity.endswith(ENDINGS))


def gap(quantity: str, one: Answer, other: Answer, factor: float = 1.0) -> float:
    """Largest difference of ``one`` from ``other`` times a factor, relative to each number.

    What is measured in standard errors or sigma may be zero and is measured so here too.
    """
    a, b = one.values[quantity], factor * other.values[quantity]
    assert (np.isnan(a) == np.isnan(b)).all()
    size = np.abs(b)
    if (other.unit[quantity] != 1.0).any():
        size = np.maximum(size, factor * other.unit[quantity])
    there = ~np.isnan(a) & (a != b)
    # A p value that rounds to nothing is the same as another.
    size = np.maximum(size, 1e-12) if power(quantity) == 0 else size
    return float((np.abs(a - b)[there] / size[there]).max(initial=0.0))


@pytest.mark.parametrize(
    "name",
    [n if EVERY[n].quick else pytest.param(n, marks=pytest.mark.exhaustive) for n in SCALED],
)
def test_the_responses_unit_moves_what_is_in_that_unit(name: str) -> None:
    model, fit = EVERY[name], fitted(name)
    scaled, plain = answer(name), answer(model.twin)
    d = fit.n_obs - len(fit.names)
    shift = 2.0 * math.log(model.unit)
    wrong = {}
    for quantity in plain.values:
        if quantity in OF_THE_CRITERION:
            # By d = n - p: REML's; a coefficient's own unit enters its information.
            move = OF_THE_CRITERION[quantity] * shift * d
            off = np.abs(scaled.values[quantity] - plain.values[quantity] - move).max()
            limit = 1e-8
        elif quantity == "lrt_loglik":
            off = np.abs(scaled.values[quantity] - plain.values[quantity] + 0.5 * shift * fit.n_obs)
            off, limit = off.max(), 1e-8
        elif quantity == "varcorr":
            powers = [not row.term.startswith("cor") for row in fit.varcorr]
            wanted = plain.values[quantity] * np.where(powers, model.unit, 1.0)
            off, limit = np.abs(scaled.values[quantity] / wanted - 1.0).max(), 1e-8
        else:
            off = gap(quantity, scaled, plain, model.unit ** power(quantity))
            limit = TIGHT
        if not off <= limit:
            wrong[quantity] = float(off)
    assert not wrong


SAME = (
    "criterion", "sigma", "loglik", "aic", "bic", "fitted", "residual_raw", "residual_pearson",
    "residual_scaled", "leverage", "cooks_row", "icc", "r2",
    "lrt_loglik", "lrt_chisq", "lrt_p", "refit_criterion", "cooks_group",
    *(f"{kind}_{df}_{column}" for kind in ("means", "contrast", "trend") for df in ("sw", "kr")
      for column in ("estimate", "se", "df", "p", "ci")),
    "contrast_sw_tukey", "contrast_kr_tukey", "joint_sw_f", "joint_kr_f",
    *(f"anova_1_{df}_{column}" for df in ("sw", "kr") for column in ("f", "df", "p")),
)  # fmt: skip
"""What the origin of time leaves as it is; types II and III test ``arm`` where time is zero."""
OF_SLOPES = ("beta", "se", "sw_df", "sw_p", "kr_se", "kr_df", "kr_p", "refit_beta", "refit_se")
"""What it leaves of the coefficients of time, and of those without it in an interaction."""


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", LATE)
def test_the_origin_of_a_predictor_moves_only_what_stands_at_zero(name: str) -> None:
    model, fit = EVERY[name], fitted(name)
    late, plain = answer(name), answer(model.twin)
    kept = [k for k, term in enumerate(fit.names) if term == "age" or "t" in term.split(":")]
    assert len(kept) >= 2
    wrong = {}
    for quantity in SAME:
        if (measure := QUANTITIES[quantity]).metric == "p":
            off = measure.difference(
                late.values[quantity], plain.values[quantity], late.unit[quantity]
            )
        else:
            off = gap(quantity, late, plain)
        if not off <= FAR_LIMIT:
            wrong[quantity] = off
    for quantity in OF_SLOPES:
        a, b = late.values[quantity][kept], plain.values[quantity][kept]
        unit = np.maximum(np.abs(b), plain.unit[quantity][kept] * (quantity.endswith("beta")))
        off = float((np.abs(a - b) / unit).max())
        if not off <= FAR_LIMIT:
            wrong[quantity] = off
    assert not wrong


FAR_LIMIT = 1e-7
"""Time near 10,000 with a spread of 1: of sixteen digits of a number eight are left of its square's
part that varies."""


@pytest.mark.exhaustive
def test_a_covariate_far_from_zero_moves_the_intercept_alone() -> None:
    far, near = answer("far-covariate-reml"), answer("unbalanced-cells-reml")
    wrong = {}
    for quantity in near.values:
        a, b = far.values[quantity], near.values[quantity]
        if quantity in (*OF_SLOPES, "dfbeta", "wald_z", "wald_sw", "wald_kr", "vcov"):
            p = len(fitted("unbalanced-cells-reml").names)
            shape = {"vcov": (p, p), "dfbeta": (-1, p), "wald_z": (p, 2), "wald_sw": (p, 2),
                     "wald_kr": (p, 2)}.get(quantity, (p,))  # fmt: skip
            a, b = a.reshape(shape), b.reshape(shape)
            if quantity == "vcov":
                a, b = a[1:, 1:], b[1:, 1:]
            elif quantity == "dfbeta":
                a, b = a[:, 1:], b[:, 1:]
            else:
                a, b = a[1:], b[1:]
        elif quantity == "predict_new" or quantity == "predict_fixed":
            continue  # their ages are others
        size = np.maximum(np.abs(b), 1e-2 * np.abs(b).max())
        if np.nanmax(np.abs(a - b) / size) > 1e-9:
            wrong[quantity] = float(np.nanmax(np.abs(a - b) / size))
    assert not wrong
