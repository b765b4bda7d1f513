"""The model matrix is R's to the last bit, for every kind of term the language has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from harness.compare.problem import same_problem
from harness.engines.port.engine import PortEngine
from harness.engines.r.engine import RLiveEngine
from harness.language import parse_formula
from harness.models.contrasts import codings
from harness.models.design import build_design
from harness.models.prints import problem_print
from harness.models.record import ProblemPrint
from harness.models.spec import ModelSpec

pytestmark = pytest.mark.live_r


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    n = 160
    frame = pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "x": rng.normal(size=n),
            "w": rng.uniform(0.1, 9, size=n),
            "a": pd.Categorical(rng.choice(list("pqr"), size=n), categories=["r", "p", "q", "no"]),
            "b": pd.Categorical(rng.choice(["u", "v"], size=n)),
            "c": pd.Categorical(rng.choice(["k", "l", "m"], size=n)),
            "month": rng.choice([0.0, 2.0, 12.0], size=n),
            "id": pd.Categorical(np.repeat([f"p{k:02d}" for k in rng.permutation(32)], 5)),
        }
    )
    frame.loc[rng.choice(n, 9, replace=False), "x"] = np.nan
    frame.loc[rng.choice(n, 5, replace=False), "a"] = None
    frame.loc[frame["id"] == "p07", "y"] = np.nan
    return frame


EXACT = """
y ~ a | y ~ 0 + a | y ~ a * b | y ~ 0 + a + b | y ~ 0 + a:b | y ~ a + a:b | y ~ b + a:b
y ~ a * b * c | y ~ a * x | y ~ x * w | y ~ x * w * a | y ~ 0 + x + a | y ~ 0 + x:a + b
y ~ x + x:a | y ~ a + x:a | y ~ a * b * x | y ~ (a + b + c)^2 | y ~ a:b + b:c - 1
y ~ 0 + a:x + b:x | y ~ a + b + a:b:c | y ~ factor(month) * b | y ~ factor(month):x + b
y ~ log(w) | y ~ log2(w) + log10(w) | y ~ log1p(w) * a | y ~ exp(x) | y ~ sqrt(w):b
y ~ I(x^2) + I(x^3) | y ~ I(w^0.5) | y ~ I(x / w) + I(2 * x - 1) | y ~ I(-x) | y ~ I((x + w)^2)
y ~ scale(x) | y ~ scale(w) * a | y ~ scale(log(w)) | y ~ x + I(2 * x) + w | y ~ a + b + I(x - 1)
log(w) ~ x * a | I(y * 1000) ~ a | y ~ month + factor(month) | y ~ 1 | y ~ b / c | y ~ a %in% b
"""
FORMULAS = [
    formula.strip()
    for line in EXACT.strip().splitlines()
    for formula in line.split("|")
    if "%" not in formula
]
CLOSE = ["y ~ poly(w, 3)", "y ~ poly(month, 2) * b", "y ~ center(w)", "y ~ a * center(w)"]


def same(ours: ProblemPrint, theirs: ProblemPrint) -> None:
    assert [c.name for c in ours.x] == [c.name for c in theirs.x]
    for a, b in zip((*ours.x, ours.y, *ours.z), (*theirs.x, theirs.y, *theirs.z), strict=True):
        assert a == b, f"column {a.name}: {a} in Python, {b} in R"
    assert ours == theirs


@pytest.mark.parametrize("formula", FORMULAS)
def test_columns_are_bit_for_bit_r_s(lme4: RLiveEngine, data: pd.DataFrame, formula: str) -> None:
    spec = ModelSpec(parse_formula(formula), df_method="residual")
    theirs = lme4.fit(spec, data).problem
    assert theirs is not None
    same(problem_print(build_design(spec, data)), theirs)


@pytest.mark.parametrize("formula", CLOSE)
def test_columns_are_r_s_to_rounding(lme4: RLiveEngine, data: pd.DataFrame, formula: str) -> None:
    """A QR factorisation rounds in its own order, so these agree to 1e-15 of the column's size."""
    spec = ModelSpec(parse_formula(formula), df_method="residual")
    theirs, ours = lme4.fit(spec, data).problem, problem_print(build_design(spec, data))
    assert theirs is not None
    for a, b in zip(ours.x, theirs.x, strict=True):
        assert a.name == b.name
        assert a.total == pytest.approx(b.total, abs=4e-15 * b.size)
        assert a.moment == pytest.approx(b.moment, abs=4e-15 * b.size * ours.n_obs)
        assert a.size == pytest.approx(b.size, rel=4e-15)


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ x * a + (1 | id)",
        "y ~ scale(x) + b + (x | id)",
        "y ~ x + I(2 * x) + b + (1 | id)",
        "y ~ month + (0 + month | id)",
        "y ~ b + (x || id)",
    ],
)
def test_mixed_models_state_the_same_problem(
    lme4: RLiveEngine, data: pd.DataFrame, formula: str
) -> None:
    spec = ModelSpec(parse_formula(formula))
    theirs = lme4.fit(spec, data).problem
    assert theirs is not None
    same(problem_print(build_design(spec, data)), theirs)


OWN = pd.DataFrame([[1, 0.5], [-1, 0.5], [0, -1]], columns=["rp", "q"])


@pytest.mark.parametrize(
    ("formula", "more"),
    [
        ("y ~ a * x + (1 | id)", {"weights": "w"}),
        ("y ~ a + (1 | id)", {"weights": "w", "offset": "x"}),
        ("y ~ a + offset(x) + offset(log(w)) + (1 | id)", {"offset": "month"}),
        ("y ~ a + offset(x)", {"weights": "w", "df_method": "residual"}),
        ("y ~ a * b + c", {"df_method": "residual", "offset": "w"}),
        ("y ~ a * b + (1 | id)", {"contrasts": {"a": "sum", "b": "helmert"}}),
        ("y ~ b + a:b + c", {"contrasts": {"a": OWN, "c": "sum"}, "df_method": "residual"}),
        ("y ~ b + (c | id)", {"contrasts": {"c": "sum"}, "weights": "w"}),
    ],
)
def test_weights_offsets_and_contrasts_state_the_same_problem(
    lme4: RLiveEngine, data: pd.DataFrame, formula: str, more: dict
) -> None:
    more = {**more, "contrasts": codings(more.get("contrasts"))}
    spec = ModelSpec(parse_formula(formula), **more)
    theirs = lme4.fit(spec, data).problem
    assert theirs is not None
    ours = problem_print(build_design(spec, data))
    same(ours, theirs)
    assert (ours.weights is None) == (not spec.weights)
    assert (ours.offset is None) == ("offset" not in formula and not spec.offset)


def test_polynomial_contrasts_are_r_s_to_rounding(lme4: RLiveEngine, data: pd.DataFrame) -> None:
    spec = ModelSpec(parse_formula("y ~ c * b + (1 | id)"), contrasts=codings({"c": "poly"}))
    theirs, ours = lme4.fit(spec, data), PortEngine().fit(spec, data)
    found = same_problem(ours, theirs, rounding=1e-14)
    assert found.same, found.difference
    assert [row.term for row in ours.fixed][1:3] == ["c.L", "c.Q"]
    other = PortEngine().fit(replace(spec, contrasts=()), data)
    assert "column 2 of X is `cl`" in same_problem(other, theirs, rounding=1e-14).difference


def test_pbkrtest_is_no_reference_with_weights(lme4: RLiveEngine, data: pd.DataFrame) -> None:
    spec = ModelSpec(parse_formula("y ~ b + (1 | id)"), df_method="kenward-roger", weights="w")
    quality = lme4.fit(spec, data).quality
    assert quality is not None
    assert not quality.clean
    assert "wrong with prior weights" in quality.reasons[0]
    unweighted = lme4.fit(replace(spec, weights=""), data).quality
    assert unweighted is not None
    assert unweighted.clean
