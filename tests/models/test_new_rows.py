"""New rows of a model matrix: the coding and the constants are those of the fit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import harness
from harness.errors import DataError, HarnessError, ModelError
from harness.language import parse_formula
from harness.models.design import Design, build_design
from harness.models.new_rows import new_rows
from harness.models.spec import ModelSpec


def data(n: int = 60, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "x": rng.uniform(1.0, 9.0, size=n) + 2020.0,
            "w": rng.uniform(1.0, 9.0, size=n),
            "arm": pd.Categorical(np.resize(["TAU", "MBSR", "CBT"], n), ["TAU", "MBSR", "CBT"]),
            "month": np.resize([2, 3, 5, 8], n),
            "flag": np.resize([True, False, True, True, False], n),
            "site": np.resize(["b", "a", "c", "d", "b", "a", "b"], n),
        }
    )


def design_of(formula: str, frame: pd.DataFrame) -> Design:
    return build_design(ModelSpec(parse_formula(formula)), frame)


FORMULAS = (
    "y ~ arm * x + w",
    "y ~ poly(x, 3) * arm",
    "y ~ scale(x) + center(w) + I(scale(w)^2)",
    "y ~ log(w) * factor(month) + flag",
    "y ~ 0 + site + arm:site + sqrt(w)",
    "y ~ x + I(x^2) + arm:poly(w, 2)",
    "y ~ scale(log(w)) + poly(log(x), 2):arm",
)


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("rows", [slice(0, 1), slice(5, 9), slice(None)])
def test_rows_of_the_data_themselves(formula: str, rows: slice) -> None:
    # Few rows at a time: a mean or a level taken from the new rows would show.
    frame = data()
    design = design_of(formula, frame)
    got = new_rows(design, frame.iloc[rows])
    assert tuple(got.names[j] for j in got.kept) == design.names
    wanted = design.X[rows]
    # poly by its recurrence and by QR; everything else is the same arithmetic.
    limit = 1e-12 if "poly" in formula else 0.0
    assert np.abs(got.X - wanted).max() <= limit


def test_rows_omitted_from_the_fit_still_count_in_its_means() -> None:
    frame = data()
    frame.loc[:9, "y"] = np.nan
    design = design_of("y ~ scale(x)", frame)
    one = new_rows(design, pd.DataFrame({"x": [2025.0]})).X[0, 1]
    wanted = (2025.0 - frame["x"].mean()) / frame["x"].std()
    assert one == pytest.approx(wanted, rel=1e-12)  # means near 2025 agree to their last bit


def test_what_the_caller_does_to_the_frame_later_changes_nothing() -> None:
    frame = data()
    design = design_of("y ~ scale(x)", frame)
    before = new_rows(design, pd.DataFrame({"x": [2025.0]})).X
    frame["x"] = 0.0
    assert np.array_equal(new_rows(design, pd.DataFrame({"x": [2025.0]})).X, before)


def test_columns_the_fit_dropped_are_there_in_full() -> None:
    frame = data().assign(twice=lambda d: 2.0 * d["w"])
    design = design_of("y ~ w + twice + arm", frame)
    assert design.dropped == ("twice",)
    got = new_rows(design, frame)
    assert got.names == ("(Intercept)", "w", "twice", "armMBSR", "armCBT")
    assert got.kept.tolist() == [0, 1, 3, 4]
    assert np.array_equal(got.X, design.X)


@pytest.mark.parametrize("month", [[3], [3.0], ["3"], pd.Categorical(["3"])])
def test_a_level_may_be_written_as_a_number_or_as_its_text(month: object) -> None:
    design = design_of("y ~ factor(month)", data())
    assert new_rows(design, pd.DataFrame({"month": month})).X.tolist() == [[1, 1, 0, 0]]


@pytest.mark.parametrize(
    ("formula", "new", "kind", "words"),
    [
        ("y ~ arm", {"arm": ["ACT"]}, ModelError, "`arm` has no level `ACT`"),
        ("y ~ factor(month)", {"month": [4]}, ModelError, "`month` has no level `4`"),
        ("y ~ log(w)", {"w": [-1.0]}, ModelError, r"`log\(w\)` is not a finite number at w = -1.0"),
        ("y ~ w", {"w": [1.0, np.nan]}, DataError, "`w` is missing in row 2"),
        ("y ~ arm", {"arm": [None]}, DataError, "`arm` is missing in row 1"),
        ("y ~ w", {"x": [1.0]}, DataError, "no column `w`"),
        ("y ~ w", {"w": ["much"]}, ModelError, "`w` is a number in the fit"),
        ("y ~ log(w)", {"w": ["much"]}, ModelError, "`w` is not numeric"),
    ],
)
def test_values_the_model_has_no_row_for(
    formula: str, new: dict, kind: type[HarnessError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        new_rows(design_of(formula, data()), pd.DataFrame(new))


def test_a_fitted_value_of_a_new_row_is_a_line() -> None:
    frame = data()
    fit = harness.lm("y ~ poly(x, 2)", frame)
    x = np.array([2000.0, 2010.0, 2020.0, 2030.0])
    # Far outside the data too: a quadratic has a constant second difference.
    at = new_rows(fit.design, pd.DataFrame({"x": x})).X @ fit.beta
    raw = np.polyfit(frame["x"] - 2025.0, frame["y"], 2)
    assert at == pytest.approx(np.polyval(raw, x - 2025.0), rel=1e-9)
