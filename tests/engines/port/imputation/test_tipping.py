"""The tipping point: a curve that is its fits, a true root, an error that repetition shows."""

from __future__ import annotations

import numpy as np
import pytest
from trial_with_losses import COLUMNS, trial_with_losses

import harness
from harness.engines.port.imputation.imputed import Imputed
from harness.errors import HarnessError

GRID = [-20.0, -10.0, 0.0, 10.0, 20.0]


def imputed(m: int = 20, seed: int = 1, visits: int = 2) -> Imputed:
    data = trial_with_losses(30, visits, seed=6, effect=-9.0)
    return harness.impute(data, "y", **COLUMNS, imputations=m, iterations=3, seed=seed)


@pytest.mark.parametrize(
    ("model", "term", "visits"),
    [("y ~ arm + base", "armNew", ["v1"]), ("y ~ arm * visit + (1 | id)", "armNew:visitv1", None)],
)
def test_the_curve_is_the_fits_of_shifted_values(
    model: str, term: str, visits: list[str] | None
) -> None:
    drawn = imputed()
    found = drawn.tipping_point(model, term, arm="New", deltas=GRID, visits=visits)
    table = found.summary()
    for number, delta in enumerate(GRID):
        fit = drawn.shifted(delta, "New").fit(model, visits=visits).summary()
        row = fit[fit["term"] == term].iloc[0]
        for name in ("estimate", "std_error", "df", "p_value", "mcse_std_error"):
            assert table[name][number] == pytest.approx(row[name], rel=1e-7), (delta, name)
    assert found.significant
    root = found.nearest
    assert root is not None
    at_root = drawn.shifted(root.delta, "New").fit(model, visits=visits)
    assert at_root.pooled.numbers.p_value[at_root.number(term)] == pytest.approx(0.05, abs=1e-8)
    assert found.said("worse") == (
        f"`{term}`: p < 0.05 holds unless unseen patients of New were on average {root.delta:.3g} "
        f"worse than seen ones, other things equal (Monte-Carlo error {root.mc_error:.2g})"
    )


def test_estimates_of_a_linear_model_are_linear_in_delta() -> None:
    drawn = imputed()
    found = drawn.tipping_point("y ~ arm", "armNew", arm="New", deltas=GRID, visits=["v1"])
    share = drawn.unseen("New")[drawn.wide.of_arm == 1, 1].mean()
    steps = np.diff(found.summary()["estimate"])
    assert steps == pytest.approx(10.0 * share, rel=1e-10)


def test_the_roots_monte_carlo_error_is_its_spread() -> None:
    roots = [
        imputed(12, seed)
        .tipping_point("y ~ arm + base", "armNew", arm="New", deltas=GRID, visits=["v1"])
        .nearest
        for seed in range(30)
    ]
    spread = np.std([root.delta for root in roots if root], ddof=1)
    told = np.sqrt(np.mean([root.mc_error**2 for root in roots if root]))
    # The spread of 30 is known to 13 %.
    assert told / spread == pytest.approx(1.0, abs=3 * 0.13)


def test_where_nothing_tips_the_sentence_says_so() -> None:
    drawn = imputed()
    found = drawn.tipping_point(
        "y ~ arm + base", "armNew", arm="New", deltas=[-1, 1], visits=["v1"]
    )
    assert found.nearest is None
    assert found.said() == (
        "`armNew`: p < 0.05 holds for every shift of the unseen patients of New by -1 to 1, "
        "other things equal"
    )


def test_only_the_arm_asked_for_is_shifted() -> None:
    drawn = imputed(2)
    moved = drawn.shifted(3.0, "New").values - drawn.values
    wanted = 3.0 * (drawn.wide.missing & (drawn.wide.of_arm == 1)[:, None])
    assert moved == pytest.approx(np.broadcast_to(wanted, moved.shape), abs=1e-12)
    everyone = drawn.shifted(3.0).values - drawn.values
    assert everyone == pytest.approx(np.broadcast_to(3.0 * drawn.wide.missing, moved.shape))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"arm": "Placebo"}, "no patient is in arm 'Placebo'"),
        ({"term": "armOld"}, "no coefficient `armOld`; there are"),
        ({"deltas": [1.0]}, "two finite shifts or more"),
        ({"alpha": 1.0}, "alpha must lie between 0 and 1"),
    ],
)
def test_what_cannot_tip_is_refused(asked: dict, message: str) -> None:
    whole = {"formula": "y ~ arm", "term": "armNew", "arm": "New", "deltas": GRID, **asked}
    with pytest.raises(HarnessError, match=message):
        imputed(2).tipping_point(**whole)
