"""Kenward-Roger's sums from the rows: the same numbers as the fast sums where those keep theirs.

Truth for large effects is in ``tests/against_truth/test_kenward_roger_truth.py``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from port_data import classic, trial_by_site

import harness
from harness.engines.port import kenward_roger_large as large
from harness.engines.port.blocked import BlockedProblem
from harness.engines.port.fit import Fit


def sites() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = trial_by_site(1, patients=40, sites=9)
    return frame.assign(w=rng.uniform(0.3, 3.0, len(frame)))


def no_sites() -> pd.DataFrame:
    return trial_by_site(2, patients=30, sd=(1.0, 0.0, 0.0, 0.0))


MODELS: dict[str, tuple[Callable[[], pd.DataFrame], str, str | None]] = {
    "intercepts": (sites, "y ~ arm * t + (1 | rater) + (1 | id) + (1 | site)", None),
    "slopes": (sites, "y ~ arm * t + (t | id) + (1 | rater)", None),
    "slopes-of-both": (sites, "y ~ arm * t + (t | id) + (t || site)", None),
    "weights": (sites, "y ~ arm * t + (t | id) + (1 | rater)", "w"),
    "singular": (no_sites, "y ~ arm * t + (1 | id) + (1 | site)", None),
    "some-large": (
        lambda: trial_by_site(3, sd=(30.0, 5.0, 0.5, 20.0)),
        "y ~ arm * t + (t | id) + (1 | site) + (1 | rater)",
        None,
    ),
    "nested": (lambda: classic("Pastes"), "strength ~ 1 + (1 | batch / cask)", None),
}


def fitted(model: str) -> Fit:
    data, formula, weights = MODELS[model]
    return harness.lmer(formula, data(), weights=weights)


@pytest.mark.parametrize("model", MODELS)
def test_both_ways_agree(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "LARGE", np.inf)
    fast = fitted(model)
    plain = fast.kenward_roger
    monkeypatch.setattr(large, "LARGE", -1.0)
    other = fitted(model)
    assert isinstance(other.surface, BlockedProblem)
    assert large.by_rows_pays(other.surface.data, np.eye(len(other._solution.Lambda)))
    slow = other.kenward_roger
    p = len(fast.names)
    assert slow.df() == pytest.approx(plain.df(), rel=1e-10)
    assert slow.std_error == pytest.approx(plain.std_error, rel=1e-11)
    L = np.eye(p)[1:] if p > 1 else np.eye(1)
    one, two = slow.f_test(L, other.beta), plain.f_test(L, fast.beta)
    assert one.den_df == pytest.approx(two.den_df, rel=1e-10)
    assert one.scale == pytest.approx(two.scale, rel=1e-10)
    assert one.f_value == pytest.approx(two.f_value, rel=1e-10)


def test_many_rows_are_left_to_the_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = fitted("intercepts")
    assert isinstance(fit.surface, BlockedProblem)
    Lambda = 100.0 * np.eye(3)
    assert large.by_rows_pays(fit.surface.data, Lambda)
    assert not large.by_rows_pays(fit.surface.data, np.diag([100.0, 1.0, 1.0]))
    monkeypatch.setattr(large, "MOST_NUMBERS", 1000)
    assert not large.by_rows_pays(fit.surface.data, Lambda)
