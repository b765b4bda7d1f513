"""Simple slopes and Johnson-Neyman bounds of plans: R and the port, number by number."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from r_examples import spec
from scipy import stats

import harness
from harness.compare import Verdict, compare_model
from harness.compare.fits import cross_check
from harness.engines.port.engine import PortEngine
from harness.engines.r.engine import RLiveEngine
from harness.models.besides import Besides, DesignColumn, Probe
from harness.models.record import Estimates
from harness.models.spec import ModelKey, ModelSpec

sys.path.append(str(Path(__file__).parents[1] / "engines" / "port" / "moderation"))
from moderation_data import change_scores, moderated_trial

ARM = DesignColumn("arm", ("TAU", "MBSR"))
TIME = DesignColumn("time", ("pre", "post"))
WEEKS = DesignColumn("week", ("0", "8"))
VALUES = ("mean-sd", "mean", "mean+sd", 2.5, -1.0, "q25", "median", "mean+2sd")
PROBE = Probe("z", VALUES, "id")
ASKED = Besides(("slopes", "johnson_neyman"), ARM, TIME, probe=PROBE)
KEY = ModelKey("a", "s", "y")
EFFECT = "(MBSR - TAU) x (post - pre)"


def weeks() -> pd.DataFrame:
    return moderated_trial().assign(week=lambda d: 8.0 * (d["time"] == "post"))


def three_arms() -> pd.DataFrame:
    frame = moderated_trial()
    arm = frame["arm"].astype(str).where(frame["id"].cat.codes % 3 > 0, "CBT")
    return frame.assign(arm=pd.Categorical(arm, categories=["TAU", "MBSR", "CBT"]))


MIXED = {
    "three-way": ("y ~ arm * time * z + (1 | id)", moderated_trial, {}),
    "arm-only": ("y ~ arm * time + arm * z + (1 | id)", moderated_trial, {}),
    "sum-coded": (
        "y ~ arm * time * z + (1 | id)", moderated_trial,
        {"contrasts": (("arm", "sum"), ("time", "helmert"))},
    ),
    "weeks": ("y ~ arm * week * z + (1 | id)", weeks, {"time": WEEKS}),
    "scaled": ("y ~ arm * time * scale(z) + (1 | id)", moderated_trial, {}),
    "bent": ("y ~ arm * time * poly(z, 2) + (1 | id)", moderated_trial, {}),
    "three-arms": (
        "y ~ arm * time * z + (1 | id)", three_arms,
        {"arm": DesignColumn("arm", ("TAU", "MBSR", "CBT"))},
    ),
}  # fmt: skip
LINEAR = {
    "change": ("change ~ arm * z", change_scores, {"time": None}),
    "ancova": ("post ~ pre + arm * z", change_scores, {"time": None}),
    "square": ("change ~ arm * (z + I(z^2))", change_scores, {"time": None}),
}
METHODS = ("satterthwaite", "kenward-roger", "residual", "z")


def question(name: str, method: Any) -> tuple[ModelSpec, pd.DataFrame]:
    formula, frame, more = (MIXED | LINEAR)[name]
    columns = {key: more[key] for key in ("arm", "time") if key in more}
    asked = replace(ASKED, **columns)
    coded = {"contrasts": more["contrasts"]} if "contrasts" in more else {}
    return spec(formula, df_method=method, besides=asked, **coded), frame()


def both(lme4: RLiveEngine, asked: ModelSpec, frame: pd.DataFrame) -> tuple[Estimates, Estimates]:
    python = PortEngine().fit(asked, frame)
    return python, lme4.fit(asked, frame, [python.theta] if python.theta else [])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", [*MIXED, *LINEAR])
def test_every_number_matches(lme4: RLiveEngine, name: str, method: Any) -> None:
    if name in LINEAR and method in METHODS[:2]:
        pytest.skip("a linear model has residual or infinite df")
    asked, frame = question(name, method)
    python, r = both(lme4, asked, frame)
    rows = compare_model(KEY, python, r, cross_check(PortEngine(), asked, frame, python, r))
    red = [row for row in rows if row.verdict is not Verdict.MATCH]
    assert not red, red
    assert python.slopes is not None
    assert python.lower_bounds is not None
    effects = 2 if name == "three-arms" else 1
    assert len(python.slopes) == effects * len(VALUES)
    assert len(python.lower_bounds) == effects
    bounds = [row for row in rows if row.quantity in ("jn_low", "jn_high")]
    assert all(row.metric == "SE" and row.limit == 1e-6 for row in bounds)


def test_planned_pairs_are_probed_alike(lme4: RLiveEngine) -> None:
    formula, frame, more = MIXED["three-arms"]
    besides = replace(ASKED, arm=more["arm"], compare=(("CBT", "MBSR"), ("TAU", "CBT")))
    asked = spec(formula, df_method="residual", besides=besides)
    python, r = both(lme4, asked, frame())
    assert {row.verdict for row in compare_model(KEY, python, r)} == {Verdict.MATCH}
    assert r.slopes is not None
    assert [row.term for row in r.slopes][:: len(VALUES)] == [
        "(CBT - MBSR) x (post - pre) | z=mean-sd",
        "(TAU - CBT) x (post - pre) | z=mean-sd",
    ]


def test_the_names_say_effect_value_and_shape(lme4: RLiveEngine) -> None:
    asked, frame = question("three-way", "satterthwaite")
    for side in both(lme4, asked, frame):
        assert side.slopes is not None
        assert [row.term for row in side.slopes] == [
            f"{EFFECT} | z={at}"
            for at in ("mean-sd", "mean", "mean+sd", "2.5", "-1", "q25", "median", "mean+2sd")
        ]
        assert side.lower_bounds is not None
        assert side.upper_bounds is not None
        (low,), (high,) = side.lower_bounds, side.upper_bounds
        assert low.term == f"jn({EFFECT} by z, inside, low, extrapolated)"
        assert high.term == f"jn({EFFECT} by z, inside, high)"
        assert low.jn_low < high.jn_high
        assert low.df != high.df


def test_a_region_without_bounds_has_one_row_without_numbers(lme4: RLiveEngine) -> None:
    asked, frame = question("change", "residual")
    asked = replace(asked, besides=replace(asked.besides, probe=replace(PROBE, alpha=1e-12)))
    for side in both(lme4, asked, frame):
        (row,) = side.lower_bounds or ()
        assert row.term == "jn(MBSR - TAU by z, none)"
        assert math.isnan(row.jn_low)
        assert side.upper_bounds == ()


def test_another_shape_of_the_region_is_red(lme4: RLiveEngine) -> None:
    asked, frame = question("change", "residual")
    python, r = both(lme4, asked, frame)
    (own,) = r.lower_bounds or ()
    low = replace(own, term=own.term.replace(", low)", " on one side, low)"))
    red = [row for row in compare_model(KEY, python, replace(r, lower_bounds=(low,))) if row.red]
    assert {row.verdict for row in red} == {Verdict.PYTHON_ONLY, Verdict.R_ONLY}
    assert {row.quantity for row in red} == {"jn_low", "std_error", "df"}


REFUSED = {
    "logged": ({"formula": "y ~ arm * time * log(z + 9) + (1 | id)"}, "no polynomial"),
    "varies": ({"patient": "time"}, "varies within"),
    "one-value": ({"one": True}, "one value"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_neither_can_answer_is_told_by_both_and_the_fit_stands(
    lme4: RLiveEngine, case: str
) -> None:
    given, words = REFUSED[case]
    frame = moderated_trial()
    if given.get("one"):
        # One value among the rows that are used: the others lack the outcome.
        frame = frame.assign(z=frame["z"].where(frame["y"].isna(), 3.0), w=frame["z"])
    probe = replace(PROBE, patient=given.get("patient", "id"))
    asked = spec(
        given.get("formula", "y ~ arm * time * z + (1 | id)"),
        besides=replace(ASKED, probe=probe),
    )
    for side in both(lme4, asked, frame):
        assert side.fixed
        assert side.refused is not None
        assert words in side.refused["johnson_neyman"]
        assert side.lower_bounds == side.upper_bounds == ()


def test_a_bound_ten_limits_off_is_red_and_a_tenth_is_not(lme4: RLiveEngine) -> None:
    asked, frame = question("three-way", "satterthwaite")
    python, r = both(lme4, asked, frame)
    (high,) = r.upper_bounds or ()
    for steps, red in ((10.0, True), (0.1, False)):
        moved = replace(high, jn_high=high.jn_high + steps * 1e-6 * high.std_error)
        rows = compare_model(KEY, python, replace(r, upper_bounds=(moved,)))
        found = [row.quantity for row in rows if row.red]
        assert found == (["jn_high"] if red else [])


def bent_trial() -> pd.DataFrame:
    """Changes whose difference between arms is a parabola in the moderator."""
    frame = change_scores()
    bend = 2.5 * (frame["z"] - 2.0) ** 2 - 4.0
    return frame.assign(change=frame["change"] + bend * (frame["arm"] == "MBSR"))


def test_a_parabola_may_have_four_bounds(lme4: RLiveEngine) -> None:
    frame = bent_trial()
    asked = replace(ASKED, arm=ARM, time=None, probe=replace(PROBE, alpha=0.2))
    asked = spec("change ~ arm * (z + I(z^2))", df_method="residual", besides=asked)
    python, r = both(lme4, asked, frame)
    for side in (python, r):
        (low,) = side.lower_bounds or ()
        bounds = (low, *(side.upper_bounds or ()))
        assert [row.term.removesuffix(")").split(", ")[1:] for row in bounds] == [
            ["several", "low", "extrapolated"],
            ["several", "1"],
            ["several", "2"],
            ["several", "high"],
        ]
    assert {row.verdict for row in compare_model(KEY, python, r)} == {Verdict.MATCH}


def test_two_bounds_between_two_points_of_the_search_are_found_by_both(
    lme4: RLiveEngine,
) -> None:
    frame, formula = bent_trial(), "change ~ arm * (z + I(z^2))"
    effect = harness.johnson_neyman(harness.lm(formula, frame), "arm", "z").effect
    estimate, error, df = effect.tested(effect.rows(np.linspace(0.0, 3.0, 3001)))
    largest = float(np.abs(estimate / error).max())
    alpha = 2.0 * float(stats.t.sf(largest * (1.0 - 1e-7), df[0]))
    asked = replace(ASKED, arm=ARM, time=None, probe=replace(PROBE, alpha=alpha))
    python, r = both(lme4, spec(formula, df_method="residual", besides=asked), frame)
    for side in (python, r):
        (low,), (high,) = side.lower_bounds or (), side.upper_bounds or ()
        assert low.term == "jn(MBSR - TAU by z, inside, low)"
        assert 0.0 < high.jn_high - low.jn_low < 0.003
    assert {row.verdict for row in compare_model(KEY, python, r)} == {Verdict.MATCH}


def test_false_discoveries_are_controlled_by_both(lme4: RLiveEngine) -> None:
    plain, frame = question("three-way", "satterthwaite")
    assert plain.besides is not None
    held = replace(plain, besides=replace(plain.besides, probe=replace(PROBE, control="fdr")))
    (before, _), (python, r) = both(lme4, plain, frame), both(lme4, held, frame)
    (low,), (wide,) = python.lower_bounds or (), before.lower_bounds or ()
    assert low.term == f"jn({EFFECT} by z, fdr, inside, low, extrapolated)"
    assert low.jn_low > wide.jn_low
    assert {row.verdict for row in compare_model(KEY, python, r)} == {Verdict.MATCH}


def test_a_bound_beyond_the_data_is_called_so_by_both(lme4: RLiveEngine) -> None:
    asked, frame = question("change", "residual")
    for rows in (frame, frame[frame["z"].between(0.0, 1.0)]):
        low, high = rows["z"].min(), rows["z"].max()
        python, r = both(lme4, asked, rows)
        for side in (python, r):
            (lower,), (upper,) = side.lower_bounds or (), side.upper_bounds or ()
            for value, term in ((lower.jn_low, lower.term), (upper.jn_high, upper.term)):
                assert term.endswith(", extrapolated)") == (not low <= value <= high)
            assert lower.term.endswith("extrapolated)") != upper.term.endswith("extrapolated)")
        assert {row.verdict for row in compare_model(KEY, python, r)} == {Verdict.MATCH}
