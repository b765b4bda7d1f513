"""HC3 and CR2 of the port beside sandwich's and clubSandwich's, number by number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from besides_cases import flat, years
from question_cases import change, patients
from r_examples import spec

from harness.compare import Verdict, compare_model
from harness.compare.fits import cross_check
from harness.compare.rows import DiffRow
from harness.engines.port.engine import PortEngine
from harness.engines.r.engine import RLiveEngine
from harness.models.besides import Besides, Robust
from harness.models.record import Estimates
from harness.models.spec import ModelKey, ModelSpec

PORT = PortEngine()
KEY = ModelKey("analysis", "set", "y")
HC3 = Besides(("robust",), robust=Robust("HC3"))
CR2 = Besides(("robust",), robust=Robust("CR2", "id"))


def uneven() -> pd.DataFrame:
    """One patient with one row, and a column that only this row has: it fits itself."""
    frame = patients()
    first = frame["id"] == frame["id"].iloc[0]
    frame = frame[~first | (frame["visit"] == "w0")]
    return frame.assign(own=(frame["id"] == frame["id"].iloc[0]).astype(float))


def samples() -> pd.DataFrame:
    """Rows in samples in patients: groups within clusters."""
    frame = patients()
    return frame.assign(half=np.where(frame["week"] < 6.0, "a", "b"))


def strong() -> pd.DataFrame:
    """Patients who differ thirty times more than their rows, in a small unit."""
    frame = patients()
    code = frame["id"].cat.codes.to_numpy()
    shift = np.random.default_rng(5).normal(0.0, 150.0, 40)[code]
    return frame.assign(y=1e-3 * (frame["y"] + shift))


def renamed() -> pd.DataFrame:
    return patients().rename(columns={"base": "base line", "id": "the id"})


Case = tuple[ModelSpec, Callable[[], pd.DataFrame]]
CASES: dict[str, Case] = {
    "cr2": (spec("y ~ arm * visit + base + (1 | id)", besides=CR2), patients),
    "cr2-kenward-roger": (
        spec("y ~ arm * visit + (week | id)", df_method="kenward-roger", besides=CR2), patients,
    ),
    "cr2-ml": (spec("y ~ arm * week + (week || id)", reml=False, besides=CR2), patients),
    "cr2-nested": (spec("y ~ arm * visit + (1 | id) + (1 | id:half)", besides=CR2), samples),
    "cr2-uneven": (spec("y ~ arm * visit + own + (1 | id)", besides=CR2), uneven),
    "cr2-boundary": (spec("y ~ arm * visit + (week | id)", besides=CR2), flat),
    "cr2-strong": (spec("y ~ arm * visit + (1 | id)", besides=CR2), strong),
    "cr2-years": (spec("y ~ arm * visit + year + (1 | id)", besides=CR2), years),
    "cr2-coded-z": (
        spec("y ~ arm * visit + (1 | id)", df_method="z", contrasts=(("arm", "sum"),), besides=CR2),
        patients,
    ),
    "cr2-odd-names": (
        spec(
            "y ~ arm * visit + `base line` + (1 | `the id`)",
            besides=Besides(("robust",), robust=Robust("CR2", "the id")),
        ),
        renamed,
    ),
    "cr2-linear": (spec("y ~ arm * visit + own", besides=CR2), uneven),
    "cr2-linear-weights-offset": (
        spec("y ~ arm * visit", weights="w", offset="o", besides=CR2), patients,
    ),
    "hc3": (spec("y ~ arm * base + dose", besides=HC3), change),
    "hc3-z": (spec("y ~ arm + dose", df_method="z", besides=HC3), change),
    "hc3-weights-offset": (spec("y ~ arm * base", weights="w", offset="o", besides=HC3), change),
    "hc3-dependent": (
        spec("y ~ base + twice + arm", besides=HC3),
        lambda: change().assign(twice=lambda d: 2.0 * d["base"]),
    ),
}  # fmt: skip


def both(lme4: RLiveEngine, name: str) -> tuple[Estimates, Estimates, tuple[DiffRow, ...]]:
    model, make = CASES[name]
    frame = make()
    python = PORT.fit(model, frame)
    r = lme4.fit(model, frame, [python.theta] if python.theta else [])
    rows = compare_model(KEY, python, r, cross_check(PORT, model, frame, python, r))
    return python, r, rows


QUICK = ("cr2-kenward-roger", "cr2-nested", "cr2-uneven", "cr2-linear-weights-offset", "hc3")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.exhaustive) for name in CASES],
)
def test_every_number_matches(lme4: RLiveEngine, name: str) -> None:
    python, r, rows = both(lme4, name)
    kind = "HC3" if name.startswith("hc3") else "CR2"
    own = [row for row in rows if row.term.startswith(f"{kind}(")]
    # R calls a fit with a dependent column not clean; its numbers are the same.
    allowed = Verdict.REFERENCE_NOT_CLEAN if name == "hc3-dependent" else Verdict.MATCH
    red = [row for row in own if row.verdict is not allowed or row.share > 1.0]
    assert not red, red
    assert len([row for row in own if row.tier == "T2"]) == 7 * len(python.fixed)
    assert [row.term for row in python.robust or ()] == [f"{kind}({f.term})" for f in python.fixed]
    assert r.quality is not None
    assert r.quality.clean or name == "hc3-dependent", r.quality.reasons
    if kind == "CR2":
        assert {row.df_method for row in own} == {"CR2"}
        assert {row.limit for row in own if row.quantity == "df" and row.tier == "T2"} == {1e-6}


def test_at_one_theta_errors_and_df_are_the_same_to_the_last_digits(lme4: RLiveEngine) -> None:
    model, frame = CASES["cr2-kenward-roger"]
    r = lme4.fit(model, frame())
    there = PORT.at(model, frame(), r.theta)
    for ours, theirs in zip(there.robust or (), r.robust or (), strict=True):
        assert ours.std_error == pytest.approx(theirs.std_error, rel=1e-12)
        assert ours.df == pytest.approx(theirs.df, rel=1e-12)
        assert ours.df != pytest.approx(there.fixed[0].df, rel=1e-3)


def test_what_is_a_limit_off_is_red_and_a_tenth_is_not(lme4: RLiveEngine) -> None:
    model, frame = CASES["cr2"]
    python, r = PORT.fit(model, frame()), lme4.fit(model, frame())
    first, *others = r.robust or ()
    for name in ("std_error", "df"):
        for steps, red in ((3.0, {name}), (0.1, set())):
            moved = replace(first, **{name: getattr(first, name) * (1.0 + steps * 1e-6)})
            rows = compare_model(KEY, python, replace(r, robust=(moved, *others)))
            assert {row.quantity for row in rows if row.red} == red


REFUSED: dict[str, tuple[dict[str, Any], Callable[[], pd.DataFrame], str]] = {
    "shared": ({"formula": "y ~ arm + (1 | id) + (1 | dose)"}, patients, ""),
    "finer": ({"robust": Robust("CR2", "visit")}, patients, ""),
    "weights": ({"weights": "w"}, patients, "prior weights"),
    "offset": ({"offset": "o"}, patients, "offset"),
    "one-cluster": (
        {"robust": Robust("CR2", "one")}, lambda: patients().assign(one="a"), "one cluster",
    ),
    "no-cluster": (
        {"robust": Robust("CR2", "seen")},
        lambda: patients().assign(seen=lambda d: d["id"].where(d["id"] != "p001")),
        "no value",
    ),
    "hc3-of-a-mixed-model": ({"robust": Robust("HC3")}, patients, "linear models"),
    "leverage": ({"formula": "y ~ arm + own", "robust": Robust("HC3")}, uneven, "leverage 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_neither_can_answer_is_told_by_both_and_the_fit_stands(
    lme4: RLiveEngine, case: str
) -> None:
    choices, make, words = REFUSED[case]
    asked = dict(choices)
    robust = asked.pop("robust", CR2.robust)
    formula = asked.pop("formula", "y ~ arm * week + (1 | id)")
    model = spec(formula, besides=Besides(("robust",), robust=robust), **asked)
    python, r = PORT.fit(model, make()), lme4.fit(model, make())
    for side in (python, r):
        assert side.fixed
        assert side.robust == ()
        assert words in (side.refused or {})["robust"]
    (row,) = (row for row in compare_model(KEY, python, r) if row.verdict is Verdict.NOT_COMPUTED)
    assert (row.term, row.quantity, row.exit_code) == ("robust", "std_error", 4)


def test_r_refuses_columns_whose_sizes_its_tolerance_does_not_stand(lme4: RLiveEngine) -> None:
    frame = patients().assign(tiny=lambda d: 1e-8 * d["base"])
    found = lme4.fit(spec("y ~ arm + tiny + (1 | id)", besides=CR2), frame)
    assert "rescale `tiny`" in (found.refused or {})["robust"]
