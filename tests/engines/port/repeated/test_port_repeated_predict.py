"""Predictions of repeated measures against the joint normal distribution, dense."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from port_data import longitudinal

import harness
from harness.engines.port.repeated.fit import RepeatedFit
from harness.errors import DataError, ModelError


@cache
def data() -> pd.DataFrame:
    frame = longitudinal(1, groups=30, visits=4).rename(columns={"g": "id"})
    return frame.assign(week=pd.Categorical(frame["t"].map(lambda t: f"w{t:.0f}")))


@cache
def fitted() -> RepeatedFit:
    return harness.mmrm("y ~ arm * week", data())


def everyone() -> pd.DataFrame:
    """All visits of all patients, and of one nobody knows."""
    arms = data().groupby("id", observed=True)["arm"].first()
    rows = [(i, a, w) for i, a in [*arms.items(), ("new", "B")] for w in fitted().visits]
    return pd.DataFrame(rows, columns=["id", "arm", "week"], index=range(100, 100 + len(rows)))


def test_means_of_new_rows() -> None:
    fit, new = fitted(), everyone()
    got = fit.predict(new)
    cells = dict(zip(zip(data()["arm"], data()["week"], strict=True), fit.fitted, strict=True))
    wanted = [cells[key] for key in zip(new["arm"], new["week"], strict=True)]
    assert got == pytest.approx(wanted, rel=1e-12)
    assert np.array_equal(fit.predict(), fit.fitted)


def test_missing_visits_given_the_others() -> None:
    fit, new = fitted(), everyone()
    table = fit.prediction_table(new, conditional=True)
    assert table.index.tolist() == new.index.tolist()
    mean = fit.predict(new)
    R, Phi = fit.covariance_matrix, fit.vcov
    X_new = np.array([fit.design.X[row_like(arm, week)] for arm, week in arm_weeks(new)])
    missing = observed = 0
    for k, (subject, week) in enumerate(zip(new["id"], new["week"], strict=True)):
        own = np.flatnonzero(data()["id"] == subject)
        v = fit.visits.index(week)
        o = fit.seen.visit_codes[own]
        if not len(own):
            wanted, left, d = mean[k], R[v, v], X_new[k]
        else:
            C = R[v, o] @ np.linalg.inv(R[np.ix_(o, o)])
            wanted = mean[k] + C @ fit.residuals()[own]
            left = R[v, v] - C @ R[o, v]
            d = X_new[k] - C @ fit.design.X[own]
        assert table["prediction"].iloc[k] == pytest.approx(wanted, rel=1e-10)
        assert table["sd"].iloc[k] ** 2 == pytest.approx(left, abs=1e-10)
        assert table["std_error"].iloc[k] ** 2 == pytest.approx(d @ Phi @ d, abs=1e-10)
        if v in o:
            observed += 1
            value = data()["y"].to_numpy()[own[o == v]].item()
            assert table["prediction"].iloc[k] == pytest.approx(value, rel=1e-14)
            assert table["sd"].iloc[k] == 0.0
        else:
            missing += 1
    assert missing > 10
    assert observed == len(data())


def arm_weeks(new: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(new["arm"], new["week"], strict=True))


def row_like(arm: str, week: str) -> int:
    return int(np.flatnonzero((data()["arm"] == arm) & (data()["week"] == week))[0])


def test_rows_used_are_predicted_without_asking_for_them_again() -> None:
    fit = fitted()
    marginal = fit.prediction_table()
    assert marginal["prediction"].to_numpy() == pytest.approx(fit.fitted, rel=1e-14)
    assert marginal["sd"].to_numpy() == pytest.approx(
        fit.variances.to_numpy()[fit.seen.visit_codes] ** 0.5
    )
    error = np.sqrt(((fit.design.X @ fit.vcov) * fit.design.X).sum(axis=1))
    assert marginal["std_error"].to_numpy() == pytest.approx(error, rel=1e-10)
    assert fit.predict(conditional=True) == pytest.approx(data()["y"].to_numpy(), rel=1e-14)


def test_an_offset_is_added() -> None:
    frame = data().assign(o=data()["t"])
    fit = harness.mmrm("y ~ arm * week", frame, offset="o")
    plain = harness.mmrm("I(y - o) ~ arm * week", frame)
    new = everyone().assign(o=7.0)
    assert fit.predict(new) == pytest.approx(plain.predict(new) + 7.0, rel=1e-12)


def test_refusals() -> None:
    fit, new = fitted(), everyone()
    with pytest.raises(ModelError, match="`week` has no visit `w9`; it has: w0, w1"):
        harness.mmrm("y ~ arm", data()).predict(new.assign(week="w9"), conditional=True)
    with pytest.raises(DataError, match="no column `id`, the fit's subject"):
        fit.predict(new.drop(columns="id"), conditional=True)
