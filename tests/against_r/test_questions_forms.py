"""Forms of a formula of which R's packages say something else when asked after the fit."""

from __future__ import annotations

import pytest
from question_cases import patients
from r_examples import spec

import harness
from harness.engines.r.engine import RLiveEngine

CENTRED = "y ~ arm * center(week) + center(base) + (1 | id)"


def test_new_rows_are_centred_at_the_mean_that_was_fitted(lme4: RLiveEngine) -> None:
    """predict() evaluates center() on the new rows: their mean is another."""
    frame = patients()
    fit = harness.lmer(CENTRED, frame)
    few = frame.iloc[[0, 4, 60]]
    answer = lme4.ask("predict", spec(CENTRED), frame, newdata=few, theta=fit.theta)
    assert answer["new"]["estimate"] == pytest.approx(fit.predict(few).tolist(), rel=1e-10)
    linear = "y ~ arm * center(week)"
    answer = lme4.ask("predict", spec(linear, df_method="residual"), frame, newdata=few)
    wanted = fit_of(linear).predict(few.astype({"week": float}))
    assert answer["new"]["estimate"] == pytest.approx(list(wanted), rel=1e-10)


def fit_of(formula: str) -> object:
    import statsmodels.formula.api as smf

    frame = patients().dropna(subset=["y"])
    week = float(patients()["week"].mean())
    return smf.ols(formula.replace("center(week)", f"I(week - {week!r})"), frame).fit()


def test_means_stand_at_the_mean_that_was_fitted(lme4: RLiveEngine) -> None:
    fit = harness.lmer(CENTRED, patients())
    at = {"week": [0, 12]}
    answer = lme4.ask(
        "emmeans", spec(CENTRED), patients(), specs=["arm"], by=["week"], at=at, theta=fit.theta
    )
    ours = fit.emmeans("arm", by="week", at=at).table()
    assert [row["estimate"] for row in answer["means"]] == pytest.approx(ours["emmean"], rel=1e-9)


@pytest.mark.parametrize("method", ["satterthwaite", "kenward-roger", "residual"])
def test_type_iii_of_a_model_does_not_hang_on_how_it_is_written(
    lme4: RLiveEngine, method: str
) -> None:
    """lmerTest's own does: at the first arm where the main effect is left to the interaction."""
    rows = []
    for formula in ("y ~ arm * visit + (1 | id)", "y ~ visit + arm:visit + (1 | id)"):
        model = spec(formula, df_method=method)
        answer = lme4.ask("anova", model, patients(), type=3, theta=[0.8])
        rows.append(next(row for row in answer["rows"] if row["term"] == "visit"))
    crossed, nested = rows
    for name in ("num_df", "den_df", "f_value", "p_value", "sum_sq"):
        assert nested[name] == pytest.approx(crossed[name], rel=1e-6)


def test_an_empty_cell_there_is_refused(lme4: RLiveEngine) -> None:
    from harness.errors import ModelError

    frame = patients().query("not (dose == 'mid' and visit == 'w8')")
    with pytest.raises(ModelError, match="where an interaction stands without its main effects"):
        lme4.ask("anova", spec("y ~ visit + dose:visit + (1 | id)"), frame, type=3)
