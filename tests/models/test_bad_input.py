"""What bad input gets: one line of a documented type that names the column and the remedy."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import harness
from harness.errors import DataError, FormulaError, HarnessError, ModelError


def trial() -> pd.DataFrame:
    """Sixty rows: twelve patients with five visits, every kind of column a user may have."""
    rng = np.random.default_rng(17)
    n = 60
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "x": rng.normal(size=n),
            "w": rng.uniform(0.5, 2.0, size=n),
            "arm": pd.Categorical(np.tile(list("ABC"), 20)),
            "id": pd.Categorical(np.repeat([f"p{k:02d}" for k in range(12)], 5)),
            "row": pd.Categorical([f"r{k:02d}" for k in range(n)]),
            "day": pd.date_range("2020-01-01", periods=n),
        }
    )


def changed(column: str, value: Any, rows: Any = slice(None)) -> Callable[[], pd.DataFrame]:
    """The trial with some rows of a column set to a value."""

    def make() -> pd.DataFrame:
        frame = trial()
        values = frame[column].astype(object)
        values.iloc[rows] = value
        whole = column not in ("arm", "id")
        frame[column] = values.astype(float) if whole else pd.Categorical(values)
        return frame

    return make


def many_levels() -> pd.DataFrame:
    n = 20_000
    rng = np.random.default_rng(1)
    site = pd.Categorical([f"s{k % 10_000}" for k in range(n)])
    ids = pd.Categorical(np.arange(n) // 4)
    return pd.DataFrame({"y": rng.normal(size=n), "site": site, "id": ids})


def explained() -> pd.DataFrame:
    frame = trial()
    return frame.assign(y=3.0 + 2.0 * frame["x"])


def one_value_a_patient() -> pd.DataFrame:
    frame = trial()
    return frame.assign(y=frame["id"].cat.codes.astype(float) ** 2)


SLOPE = "y ~ x + (x | id)"
ARM = "y ~ arm + (1 | id)"
BAD: dict[str, tuple[Callable[[], pd.DataFrame], str, dict[str, Any], type[HarnessError], str]] = {
    "no such column": (trial, "y ~ z + (1 | id)", {}, DataError, "no column `z` in the data; it"),
    "no such group": (trial, "y ~ x + (1 | ID)", {}, DataError, "no column `ID` in the data; it"),
    "no such outcome": (trial, "Y ~ x + (1 | id)", {}, DataError, "no column `Y` in the data; it"),
    "no rows": (lambda: trial()[:0], SLOPE, {}, DataError, "the data have no rows; check the"),
    "constant outcome": (changed("y", 4.0), SLOPE, {}, ModelError, "outcome `y` is constant (4 in"),
    "all missing": (changed("y", np.nan), SLOPE, {}, DataError, "no row is complete in the model"),
    "infinite outcome": (
        *(changed("y", np.inf, [2, 9]), SLOPE, {}, ModelError),
        "`y` is infinite in 2 of 60 rows; correct the values",
    ),
    "infinite predictor": (
        *(changed("x", -np.inf, [2]), SLOPE, {}, ModelError),
        "`x` is infinite in 1 of 60 rows; correct the values",
    ),
    "infinite by a call": (
        *(changed("x", 0.0, [2]), "y ~ log(w * x^2) + (1 | id)", {}, ModelError),
        "`log(w * x^2)` (from w, x) is infinite in 1 of 60 rows; correct the values",
    ),
    "outcome is text": (trial, "arm ~ x + (1 | id)", {}, ModelError, "outcome `arm` is text or a"),
    "outcome is explained": (
        *(explained, SLOPE, {}, ModelError),
        "outcome `y` is an exact combination of the fixed effects: no variance is left; leave out",
    ),
    "groups explain all": (
        *(one_value_a_patient, "y ~ 1 + (1 | id)", {}, ModelError),
        "outcome `y` leaves no residual within `id`: the random effects reproduce it exactly",
    ),
    "dates": (trial, "y ~ day + (1 | id)", {}, ModelError, "column `day` holds dates: derive a"),
    "one group": (
        *(changed("id", "p00"), "y ~ x + (1 | id)", {}, ModelError),
        "grouping factor `id` has one level in the rows used (`p00`); remove its random term",
    ),
    "one level": (
        *(changed("arm", "A"), ARM, {}, ModelError),
        "factor `arm` has one level in the rows used (`A`); leave it out of the fixed effects",
    ),
    "as many effects as rows": (
        *(trial, "y ~ x + (1 | row)", {}, ModelError),
        "60 observations for 60 random effects of `(Intercept) | row`: their variance and the",
    ),
    "more effects than rows": (
        *(trial, "y ~ x + (arm * x | id)", {}, ModelError),
        "60 observations for 72 random effects of `(Intercept) + armB + armC + x + ... | id`",
    ),
    "ten thousand levels": (
        *(many_levels, "y ~ site + (1 | id)", {}, ModelError),
        "factor `site` has 10000 levels as a fixed effect (at most 1000); declare it as a number",
    ),
    "more columns than rows": (
        *(trial, "y ~ row * arm + (1 | id)", {}, ModelError),
        "the fixed effects have 180 columns for 60 complete rows: no residual is left; use fewer",
    ),
    "random slope collinear": (
        *(trial, "y ~ x + (x + I(2 * x) | id)", {}, ModelError),
        "random effect `I(2 * x) | id` is a combination of the term's other columns",
    ),
    "not a formula": (trial, "y ~ x + (x | id", {}, FormulaError, "expected `)`"),
    "offset crossed": (trial, "y ~ arm:offset(x) + (1 | id)", {}, FormulaError, "an offset cannot"),
    "offset removed": (trial, "y ~ arm - offset(x) + (1 | id)", {}, FormulaError, "an offset cann"),
    "offset random": (trial, "y ~ arm + (offset(x) | id)", {}, FormulaError, "an offset belongs"),
    "offset in a call": (trial, "y ~ log(offset(x))", {}, FormulaError, "`offset` cannot stand in"),
    "offset as outcome": (trial, "offset(y) ~ x", {}, FormulaError, "`offset` cannot be an outcom"),
    "offset of nothing": (trial, "y ~ offset(2)", {}, FormulaError, "a call that names no column"),
    "weights absent": (
        trial,
        SLOPE,
        {"weights": "wt"},
        DataError,
        "no column `wt` in the data",
    ),
    "weights not numeric": (
        *(trial, SLOPE, {"weights": "arm"}, ModelError),
        "weights `arm` are not numeric; name a column of numbers",
    ),
    "weights not a name": (
        *(trial, SLOPE, {"weights": np.ones(60)}, ModelError),
        "weights: name a column of the data, not ndarray",
    ),
    "weight zero": (
        *(changed("w", 0.0, [3, 4]), SLOPE, {"weights": "w"}, ModelError),
        "weights `w` are not all positive numbers: 2 of 60 rows, the first zero; correct them",
    ),
    "weight negative": (
        *(changed("w", -1.0, [3]), SLOPE, {"weights": "w"}, ModelError),
        "weights `w` are not all positive numbers: 1 of 60 rows, the first negative; correct",
    ),
    "weight infinite": (
        *(changed("w", np.inf, [3]), SLOPE, {"weights": "w"}, ModelError),
        "weights `w` are not all positive numbers: 1 of 60 rows, the first infinite; correct",
    ),
    "weights all missing": (
        *(changed("w", np.nan), SLOPE, {"weights": "w"}, DataError),
        "no row is complete in the model's columns (y, x, id, w); `w` is missing in 60 of 60 rows",
    ),
    "offset absent": (
        trial,
        SLOPE,
        {"offset": "o"},
        DataError,
        "no column `o` in the data; it",
    ),
    "offset not numeric": (
        *(trial, SLOPE, {"offset": "arm"}, ModelError),
        "offset `arm` is not numeric; name a column of numbers",
    ),
    "offset infinite": (
        *(changed("w", np.inf, [3]), SLOPE, {"offset": "w"}, ModelError),
        "offset `w` is infinite in 1 of 60 rows; correct the values or declare them missing",
    ),
    "offset is the outcome": (
        *(trial, SLOPE, {"offset": "y"}, ModelError),
        "outcome `y` less its offset is constant (0 in all 60 rows used); there is",
    ),
    "coding unknown": (
        *(trial, ARM, {"contrasts": {"arm": "sums"}}, ModelError),
        "contrasts for `arm`: no coding `sums`; one of treatment, sum, helmert, poly, or a matrix",
    ),
    "coding of a number": (
        *(trial, SLOPE, {"contrasts": {"x": "sum"}}, ModelError),
        "contrasts for `x`: the column is a number; declare it as a factor first",
    ),
    "coding of a group": (
        *(trial, ARM, {"contrasts": {"id": "sum"}}, ModelError),
        "contrasts for `id`: the column is not in the model's terms; leave its contrasts out",
    ),
    "coding of nothing": (
        *(trial, ARM, {"contrasts": {"arms": "sum"}}, ModelError),
        "contrasts for `arms`: the column is not in the model's terms; leave its contrasts out",
    ),
    "matrix of wrong shape": (
        *(trial, ARM, {"contrasts": {"arm": [[1.0], [-1.0]]}}, ModelError),
        "contrasts for `arm`: a matrix of 2 rows for 3 levels in the rows used; give one row a",
    ),
    "matrix of wrong rank": (
        *(trial, ARM, {"contrasts": {"arm": [[1.0, 2.0], [0.0, 0.0], [-1.0, -2.0]]}}, ModelError),
        "contrasts for `arm`: the matrix's 2 columns and the intercept are linearly dependent",
    ),
    "matrix with the intercept": (
        *(trial, ARM, {"contrasts": {"arm": np.eye(3)}}, ModelError),
        "contrasts for `arm`: the matrix's 3 columns and the intercept are linearly dependent",
    ),
    "matrix of text": (
        *(trial, ARM, {"contrasts": {"arm": [["a"], ["b"], ["c"]]}}, ModelError),
        "contrasts for `arm`: neither one of treatment, sum, helmert, poly nor a matrix of finite",
    ),
    "ragged matrix": (
        *(trial, ARM, {"contrasts": {"arm": [[1.0], [2.0, 3.0], [1.0]]}}, ModelError),
        "contrasts for `arm`: neither one of treatment, sum, helmert, poly nor a matrix of finite",
    ),
    "matrix not finite": (
        *(trial, ARM, {"contrasts": {"arm": [[1.0], [np.nan], [0.0]]}}, ModelError),
        "contrasts for `arm`: neither one of treatment, sum, helmert, poly nor a matrix of finite",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_one_line_with_column_and_remedy(case: str) -> None:
    make, formula, more, kind, said = BAD[case]
    frame = make()
    fit = harness.lmer if "|" in formula else harness.lm
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # numpy's, too, would reach the user
        with pytest.raises(kind) as refusal:
            fit(formula, frame, **more)
    assert type(refusal.value) is kind
    message = str(refusal.value)
    assert message.startswith(said), message
    assert "\n" not in message
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize("seed", range(25))
def test_groups_that_explain_all_are_seen_whatever_their_sizes_and_level(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups, rows = rng.integers(3, 40), rng.integers(2, 30)
    level = rng.normal() * 10.0 ** rng.uniform(-3, 6)
    effects = level + rng.normal(size=groups) * 10.0 ** rng.uniform(-3, 6)
    g = np.repeat(np.arange(groups), rows)
    frame = pd.DataFrame({"y": effects[g], "g": pd.Categorical(g), "x": rng.normal(size=len(g))})
    for formula in ("y ~ 1 + (1 | g)", "y ~ x + (1 | g)"):
        with pytest.raises(ModelError, match="leaves no residual within `g`"):
            harness.lmer(formula, frame)
