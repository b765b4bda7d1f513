"""Every change that is looked for is found, and none is made up."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from asked_trial import PORT, asked, spec, trial

from harness.compare import default_policy
from harness.compare.causes import Asked, Cause, find_cause
from harness.engines.port.engine import PortEngine
from harness.engines.port.fit import fit_design
from harness.engines.port.given import fit_at
from harness.errors import ModelError
from harness.models.design import build_design
from harness.models.record import Estimates
from harness.models.spec import ModelSpec


def words(about: Asked, off: Estimates, *, prints: bool = True) -> str:
    """What was found of an answer in the column ``r``; the port's own stands in ``python``."""
    right = PORT.fit(about.spec, about.frame)
    (cause,) = find_cause(about, right, off if prints else replace(off, problem=None))
    assert cause.side == "r"
    return cause.words


def without(frame: pd.DataFrame, **equal: object) -> pd.DataFrame:
    (name, value), *_ = equal.items()
    return frame[frame[name] != value]


def carried(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(y=frame.groupby("id", observed=True)["y"].ffill())


def complete(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[~frame["id"].isin(frame.loc[frame["y"].isna(), "id"])]


Case = tuple[ModelSpec, Callable[[pd.DataFrame], pd.DataFrame], str]
WEIGHTED = spec(weights="w", offset="o")
CHANGED: dict[str, tuple[ModelSpec, ModelSpec, Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "ml": (spec(), spec(reml=False), lambda f: f, "fitted by ML, not REML"),
    "reml": (spec(reml=False), spec(), lambda f: f, "fitted by REML, not ML"),
    "kenward-roger": (
        spec(), spec(df_method="kenward-roger"), lambda f: f,
        "took Kenward-Roger degrees of freedom and standard errors",
    ),
    "residual": (
        spec(), spec(df_method="residual"), lambda f: f, "took the residual degrees of freedom"
    ),
    "level-90": (
        spec(), spec(conf_level=0.9), lambda f: f, "gave intervals of level 0.9, not 0.95"
    ),
    "helmert": (
        spec(), spec(contrasts=(("visit", "helmert"),)), lambda f: f,
        "coded `visit` by helmert contrasts",
    ),
    "all-sum": (
        spec(), spec(contrasts=(("arm", "sum"), ("visit", "sum"))), lambda f: f,
        "coded every factor by sum contrasts",
    ),
    "no-weights": (WEIGHTED, spec(offset="o"), lambda f: f, "left out the weights `w`"),
    "no-offset": (WEIGHTED, spec(weights="w"), lambda f: f, "left out the offset `o`"),
    "no-slope": (
        spec(), spec("y ~ arm * visit + age + (1 | id)"), lambda f: f,
        "left out the random slope of `week` in `id`",
    ),
    "no-correlation": (
        spec(), spec("y ~ arm * visit + age + (week || id)"), lambda f: f,
        "left out the correlations within `id`",
    ),
    "set": (spec(), spec(), lambda f: f[f["age"] > 40], "analysed the set women"),
    "complete-patients": (
        spec(), spec(), complete, "kept only patients without a missing value"
    ),
    "carried-forward": (spec(), spec(), carried, "carried the last value forward"),
    "mean-imputed": (
        spec(), spec(), lambda f: f.assign(y=f["y"].fillna(f["y"].mean())),
        "put the mean in place of missing outcomes",
    ),
    "patient": (spec(), spec(), lambda f: without(f, id="P17"), "left out the 4 rows with id P17"),
    "row": (
        spec(), spec(), lambda f: f.drop(index=f.index[f["y"].notna()][100]),
        "left out the row of id P28, week 0.0",
    ),
    "outcome-turned": (spec(), spec(), lambda f: f.assign(y=-f["y"]), "turned the sign of `y`"),
}  # fmt: skip


@pytest.mark.parametrize("prints", [True, False], ids=["with-print", "without"])
@pytest.mark.parametrize(("right", "off", "frame", "said"), CHANGED.values(), ids=CHANGED)
def test_a_change_is_named(
    right: ModelSpec,
    off: ModelSpec,
    frame: Callable[[pd.DataFrame], pd.DataFrame],
    said: str,
    prints: bool,
) -> None:
    answer = replace(PORT.fit(off, frame(trial())), df_method=right.df_method)
    assert words(asked(right), answer, prints=prints) == said


def test_a_label_of_another_method_does_not_matter() -> None:
    answer = PORT.fit(spec(df_method="z"), trial())
    found = words(asked(), answer)
    assert found == "took normal instead of t distributions (z tests)"


def test_errors_that_kenward_and_roger_would_adjust() -> None:
    given = spec(df_method="kenward-roger")
    fit = fit_design(build_design(given, trial()))
    table = fit.estimates("kenward-roger")
    plain = fit.estimates("satterthwaite")
    from harness.engines.port.wald import wald_table

    errors = np.array([e.std_error for e in plain.fixed])
    wald = wald_table(fit.beta, errors, np.array([e.df for e in table.fixed]), 0.95)
    fixed = tuple(
        replace(
            effect,
            std_error=float(errors[k]),
            statistic=float(wald.statistic[k]),
            p_value=float(wald.p_value[k]),
            conf_low=float(wald.conf_low[k]),
            conf_high=float(wald.conf_high[k]),
        )
        for k, effect in enumerate(table.fixed)
    )
    off = replace(table, fixed=fixed)
    assert words(asked(given), off) == "did not adjust the standard errors (Kenward-Roger)"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"visit": "number"}, "took `visit` for a number"),
        ({"age": "factor"}, "took `age` for a factor"),
    ],
    ids=["factor-as-number", "number-as-factor"],
)
def test_a_type_is_named(columns: dict[str, str], said: str) -> None:
    frame = trial().assign(age=(trial()["age"] // 10))
    changed = frame.assign(
        **{
            name: frame[name].astype(float) if how == "number" else pd.Categorical(frame[name])
            for name, how in columns.items()
        }
    )
    assert words(asked(frame=frame), PORT.fit(spec(), changed)) == said


def test_an_order_of_levels_is_named() -> None:
    order = ["0", "8", "2", "4"]
    frame = trial().assign(visit=trial()["visit"].cat.reorder_categories(order))
    found = words(asked(), PORT.fit(spec(), frame))
    assert found == "ordered the levels of `visit` 0 < 8 < 2 < 4"


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (10.0, "has the outcome in another unit, times 10"),
        (1 / math.log(10.0), "took common logarithms for natural ones"),
    ],
)
def test_a_unit_is_named(factor: float, said: str) -> None:
    frame = trial().assign(y=factor * trial()["y"])
    assert words(asked(), PORT.fit(spec(), frame)) == said


def test_the_sign_of_single_coefficients_is_named() -> None:
    right = PORT.fit(spec(), trial())
    effect = right.fixed[1]
    turned = replace(
        effect,
        estimate=-effect.estimate,
        statistic=-effect.statistic,
        conf_low=-effect.conf_high,
        conf_high=-effect.conf_low,
    )
    off = replace(right, fixed=(right.fixed[0], turned, *right.fixed[2:]))
    assert words(asked(), off) == "turned the sign of `armMBSR`"


def test_an_end_that_is_not_the_optimum_is_named() -> None:
    theta = [1.02 * value for value in PORT.fit(spec(), trial()).theta]
    short = fit_at(build_design(spec(), trial()), theta)
    off = replace(short.estimates("satterthwaite"), converged=True)
    gap = off.fit.criterion - PORT.fit(spec(), trial()).fit.criterion
    assert gap > 1e-4
    found = words(asked(), off)
    assert found == f"stopped {gap:.2g} above the lowest criterion; its numbers follow from there"


def test_degrees_of_freedom_there_hang_on_the_parametrisation() -> None:
    """So that r's are not the port's: half a per cent off, and p and the bounds with them."""
    theta = [1.02 * value for value in PORT.fit(spec(), trial()).theta]
    short = fit_at(build_design(spec(), trial()), theta).estimates("satterthwaite")
    fixed = tuple(
        replace(e, df=1.005 * e.df, conf_low=e.conf_low + 1e-4 * e.std_error) for e in short.fixed
    )
    found = words(asked(), replace(short, fixed=fixed, converged=True))
    assert found.startswith("stopped ")
    far = tuple(replace(e, df=1.05 * e.df) for e in short.fixed)
    assert words(asked(), replace(short, fixed=far, converged=True)) == ""


def test_the_side_that_is_off_is_named() -> None:
    right = PORT.fit(spec(), trial())
    other = PORT.fit(spec(reml=False), trial())
    (cause,) = find_cause(asked(), replace(other, engine="statsmodels"), right)
    assert (cause.side, cause.words) == ("python", "fitted by ML, not REML")
    both = find_cause(asked(), replace(other, engine="statsmodels"), other)
    assert [cause.side for cause in both] == ["python", "r"]


def test_nothing_is_said_of_answers_that_agree() -> None:
    right = PORT.fit(spec(), trial())
    assert find_cause(asked(), right, right) == ()


def test_the_change_is_told_in_full() -> None:
    right = PORT.fit(spec(), trial())
    found = find_cause(asked(), right, PORT.fit(spec(reml=False), trial()))
    # Three other df, three levels and one other set of errors come before it.
    assert found == (Cause("r", "reml", "fitted by ML, not REML", 8),)
    assert found[0].found
    wrong = replace(right, fit=replace(right.fit, criterion=right.fit.criterion + 1.0))
    (nothing,) = find_cause(asked(), wrong, right)
    assert nothing == Cause("python", "", "", nothing.tried)
    assert not nothing.found


def test_a_caller_s_own_policy_holds() -> None:
    policy = default_policy()
    wide = tuple(
        replace(t, limit=1.0) if t.quantity == "estimate" else t for t in policy.tolerances
    )
    right = PORT.fit(spec(), trial())
    effect = right.fixed[0]
    first = replace(effect, estimate=effect.estimate + 0.1 * effect.std_error)
    off = replace(right, fixed=(first, *right.fixed[1:]))
    assert len(find_cause(asked(), right, off)) == 1
    lenient = replace(policy, tolerances=wide)
    assert find_cause(asked(), right, off, lenient) == ()
    by_ml = PORT.fit(spec(reml=False), trial())
    effect = by_ml.fixed[0]
    first = replace(effect, estimate=effect.estimate + 0.1 * effect.std_error)
    both = replace(by_ml, fixed=(first, *by_ml.fixed[1:]))
    (cause,) = find_cause(asked(), right, both, lenient)
    assert cause.kind == "reml"
    (cause,) = find_cause(asked(), right, both)
    assert not cause.found


def test_a_change_that_cannot_be_fitted_does_not_end_the_search() -> None:
    """Nobody is complete here, so there is no fit to complete patients; the mean comes later."""
    first = ~trial().duplicated("id") & (trial()["week"] == 0.0)
    frame = trial().assign(y=trial()["y"].mask(first))
    off = PORT.fit(spec(), frame.assign(y=frame["y"].fillna(frame["y"].mean())))
    for prints in (True, False):
        found = words(asked(frame=frame), off, prints=prints)
        assert found == "put the mean in place of missing outcomes"


def test_the_print_settles_what_needs_no_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it every change costs a fit."""
    off = PORT.fit(spec(), without(trial(), id="P17"))
    fits: list[ModelSpec] = []
    fit = PortEngine.fit

    def counted(engine: PortEngine, given: ModelSpec, frame: pd.DataFrame) -> Estimates:
        fits.append(given)
        return fit(engine, given, frame)

    monkeypatch.setattr(PortEngine, "fit", counted)
    (cause,) = find_cause(asked(), PORT.fit(spec(), trial()), off)
    assert cause.words == "left out the 4 rows with id P17"
    with_print = len(fits)
    fits.clear()
    find_cause(asked(), PORT.fit(spec(), trial()), replace(off, problem=None))
    assert with_print <= 3 < len(fits)


def test_a_calculated_column_may_differ_in_its_last_bits() -> None:
    given = spec("y ~ arm + log(age) + (1 | id)")
    off = PORT.fit(replace(given, reml=False), trial())
    assert off.problem is not None
    x = tuple(replace(c, sha256="other") if "log" in c.name else c for c in off.problem.x)
    assert "log(age)" in [c.name for c in x]
    found = words(asked(given), replace(off, problem=replace(off.problem, x=x)))
    assert found == "fitted by ML, not REML"


def test_a_linear_model_has_no_criterion_to_choose() -> None:
    """Engines fill the flag as they like."""
    given = spec("y ~ arm + week", df_method="residual")
    off = PORT.fit(replace(given, df_method="z"), trial())
    assert off.problem is not None
    other = replace(off.problem, reml=not off.problem.reml)
    found = words(asked(given), replace(off, problem=other))
    assert found == "took normal instead of t distributions (z tests)"


@pytest.mark.parametrize("quantity", ["estimate", "std_error", "p_value", "conf_low"])
def test_a_number_that_no_change_explains_has_no_cause(quantity: str) -> None:
    right = PORT.fit(spec(), trial())
    effect = right.fixed[3]
    wrong = replace(effect, **{quantity: getattr(effect, quantity) * 1.01 + 1e-3})
    off = replace(right, fixed=(*right.fixed[:3], wrong, *right.fixed[4:]))
    (cause,) = find_cause(asked(), right, off)
    assert not cause.found
    assert cause.tried > 20


def test_two_changes_at_once_are_not_one() -> None:
    off = PORT.fit(spec(reml=False), without(trial(), id="P17"))
    (cause,) = find_cause(asked(), PORT.fit(spec(), trial()), off)
    assert not cause.found


def test_a_model_that_cannot_be_fitted_has_no_cause() -> None:
    constant = trial().assign(y=1.0)
    with pytest.raises(ModelError):
        PORT.fit(spec(), constant)
    right = PORT.fit(spec(), trial())
    assert find_cause(asked(frame=constant), right, right) == ()


def test_a_linear_model_too() -> None:
    given = spec("y ~ arm * visit", df_method="residual", reml=False)
    off = PORT.fit(replace(given, df_method="z"), trial())
    found = words(asked(given), replace(off, df_method="residual"))
    assert found == "took normal instead of t distributions (z tests)"
    dropped = PORT.fit(given, without(trial(), id="P03"))
    assert words(asked(given), dropped).endswith("with id P03")
