"""R's contrast rule, column order, names and elementary functions."""

from __future__ import annotations

import hashlib
import math
import struct
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from formulaic import model_matrix

from harness.language import parse_formula
from harness.models.coding import term_codes
from harness.models.design import build_design, matrix_columns
from harness.models.frame import layout_of, model_frame
from harness.models.prints import column_print, problem_print
from harness.models.spec import ModelSpec
from harness.models.transforms import center, orthogonal_polynomials, scale
from harness.models.variables import spell_number


def names(formula: str, data: pd.DataFrame) -> list[str]:
    """Every column of the model matrix, before dependent ones are dropped."""
    spec = ModelSpec(parse_formula(formula))
    terms, intercept = layout_of(spec.formula).fixed, spec.formula.intercept
    return matrix_columns(terms, intercept, model_frame(spec, data), {})[0]


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    n = 90
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "x": rng.normal(size=n),
            "w": rng.uniform(1, 9, size=n),
            "a": pd.Categorical(rng.choice(list("pqr"), size=n)),
            "b": pd.Categorical(rng.choice(["u", "v"], size=n)),
            "c": pd.Categorical(rng.choice(["k", "l", "m"], size=n)),
            "flag": rng.random(n) < 0.5,
            "month": rng.choice([0.0, 2.0, 12.0], size=n),
        }
    )


# What R 4.2.2 answers: colnames(model.matrix(~ ..., data)).
CODED = {
    "y ~ a": "(Intercept) aq ar",
    "y ~ 0 + a": "ap aq ar",
    "y ~ a * b": "(Intercept) aq ar bv aq:bv ar:bv",
    "y ~ 0 + a + b": "ap aq ar bv",
    "y ~ a:b": "(Intercept) ap:bu aq:bu ar:bu ap:bv aq:bv ar:bv",
    "y ~ 0 + a:b": "ap:bu aq:bu ar:bu ap:bv aq:bv ar:bv",
    "y ~ a + a:b": "(Intercept) aq ar ap:bv aq:bv ar:bv",
    "y ~ b + a:b": "(Intercept) bv bu:aq bv:aq bu:ar bv:ar",
    "y ~ x:a": "(Intercept) x:ap x:aq x:ar",
    "y ~ x + x:a": "(Intercept) x x:aq x:ar",
    "y ~ 0 + x + a": "x ap aq ar",
    "y ~ 0 + x:a + b": "bu bv x:ap x:aq x:ar",
    "y ~ factor(month) * b": "(Intercept) factor(month)2 factor(month)12 bv "
    "factor(month)2:bv factor(month)12:bv",
    "y ~ flag * x": "(Intercept) flagTRUE x flagTRUE:x",
    "y ~ 0 + flag + a": "flagFALSE flagTRUE aq ar",
    "y ~ poly(w, 2):b": "(Intercept) poly(w, 2)1:bu poly(w, 2)2:bu poly(w, 2)1:bv poly(w, 2)2:bv",
    "y ~ poly(w, 1)": "(Intercept) poly(w, 1)",
    "y ~ I(x^2) + log(w) + scale(x)": "(Intercept) I(x^2) log(w) scale(x)",
}


@pytest.mark.parametrize("formula", CODED)
def test_columns_are_named_and_ordered_as_in_r(formula: str, data: pd.DataFrame) -> None:
    got = " ".join(name.replace(", ", ",") for name in names(formula, data))
    assert got == CODED[formula].replace(", ", ",")


FORMULAIC = [
    ("y ~ a * b", "y ~ a * b"),
    ("y ~ a * x", "y ~ a * x"),
    ("y ~ a * b * c", "y ~ a * b * c"),
    ("y ~ a * b * x", "y ~ a * b * x"),
    ("y ~ x * w", "y ~ x * w"),
    ("y ~ log(w) + exp(x) + sqrt(w)", "y ~ log(w) + exp(x) + sqrt(w)"),
    ("y ~ poly(w, 3)", "y ~ poly(w, 3)"),
    ("y ~ scale(x) + center(w)", "y ~ scale(x) + center(w)"),
]


@pytest.mark.parametrize(("ours", "theirs"), FORMULAIC, ids=[f for f, _ in FORMULAIC])
def test_spans_formulaics_matrix(ours: str, theirs: str, data: pd.DataFrame) -> None:
    """An implementation of its own: same columns, which it orders and names in another way."""
    X = build_design(ModelSpec(parse_formula(ours)), data).X
    other = model_matrix(theirs.partition("~")[2], data, context={"sqrt": np.sqrt}).to_numpy(float)
    assert X.shape == other.shape
    left = sorted(np.round(X.T, 10).tolist())
    right = sorted(np.round(other.T, 10).tolist())
    np.testing.assert_allclose(left, right, atol=1e-9)


def test_interaction_columns_vary_their_first_factor_fastest(data: pd.DataFrame) -> None:
    design = build_design(ModelSpec(parse_formula("y ~ a * b * c")), data)
    column = dict(zip(design.names, design.X.T, strict=True))
    for name, values in column.items():
        parts = [] if name == "(Intercept)" else name.split(":")
        expected = np.ones(len(data))
        for part in parts:
            expected = expected * (data[part[0]] == part[1:]).to_numpy(float)
        np.testing.assert_array_equal(values, expected, err_msg=name)
    assert list(design.names)[-4:] == ["aq:bv:cl", "ar:bv:cl", "aq:bv:cm", "ar:bv:cm"]


def test_rule_looks_for_the_margin_among_earlier_terms_only() -> None:
    terms = layout_of(parse_formula("y ~ a:b + a:b:c")).fixed
    codes = term_codes(terms, True, frozenset("abc"))
    assert [code.full for code in codes] == [(True, True), (True, True, False)]


def test_a_margin_inside_an_earlier_term_counts() -> None:
    """``c`` of ``a:c`` is by contrasts because ``a`` is covered by ``a:b``."""
    terms = layout_of(parse_formula("y ~ a:b + a:c")).fixed
    codes = term_codes(terms, True, frozenset("abc"))
    assert [code.full for code in codes] == [(True, True), (True, False)]


def test_dependent_columns_are_dropped_as_r_drops_them(data: pd.DataFrame) -> None:
    data = data.assign(twice=2 * data["x"], total=data["x"] + data["w"])
    design = build_design(ModelSpec(parse_formula("y ~ x + twice + w + total + a")), data)
    assert design.names == ("(Intercept)", "x", "w", "aq", "ar")
    assert design.dropped == ("twice", "total")
    assert design.messages[-1].startswith(
        "fixed-effect model matrix is rank deficient so dropping 2 columns / coefficients"
    )


@pytest.mark.parametrize(("share", "kept"), [(1e-6, True), (1e-8, False)])
def test_rank_tolerance_is_r_s(share: float, kept: bool, data: pd.DataFrame) -> None:
    nearly = data.assign(near=data["x"] * 3 + share * data["w"] * np.std(data["x"]))
    design = build_design(ModelSpec(parse_formula("y ~ x + near")), nearly)
    assert ("near" in design.names) is kept


@pytest.mark.parametrize(
    ("call", "function"),
    [(name, getattr(math, name)) for name in ["log", "log2", "log10", "log1p", "exp", "sqrt"]],
)
def test_functions_are_the_c_library_s(call: str, function, data: pd.DataFrame) -> None:
    design = build_design(ModelSpec(parse_formula(f"y ~ {call}(w)")), data)
    assert design.X[:, 1].tolist() == [function(value) for value in data["w"]]


def test_powers_are_r_s(data: pd.DataFrame) -> None:
    design = build_design(ModelSpec(parse_formula("y ~ I(x^2) + I(x^3) + I(1 / w)")), data)
    assert design.X[:, 1].tolist() == [v * v for v in data["x"]]
    assert design.X[:, 2].tolist() == [math.pow(v, 3) for v in data["x"]]
    assert design.X[:, 3].tolist() == [1 / v for v in data["w"]]


def test_standardising_leaves_missing_values_missing() -> None:
    x = np.array([1.0, np.nan, 3.0, 8.0])
    np.testing.assert_allclose(center(x), [-3, np.nan, -1, 4])
    np.testing.assert_allclose(scale(x), np.array([-3, np.nan, -1, 4]) / np.sqrt(13))


def test_centre_is_the_correctly_rounded_mean() -> None:
    """Two passes in extended precision, as R's ``mean``; one alone misses at this size."""
    for seed in range(30):
        x = 1e17 + 16.0 * np.random.default_rng(seed).integers(0, 1000, size=20_000)
        mean = float(Fraction(sum(map(int, x.tolist())), len(x)))
        np.testing.assert_array_equal(center(x), x - mean)


def test_polynomials_are_orthonormal_with_positive_lead() -> None:
    x = np.random.default_rng(1).uniform(-3, 50, size=40)
    columns = np.column_stack(orthogonal_polynomials(x, 4, "poly(x, 4)"))
    np.testing.assert_allclose(columns.T @ columns, np.eye(4), atol=1e-13)
    np.testing.assert_allclose(columns.sum(axis=0), 0.0, atol=1e-13)
    order = np.argsort(x)
    assert (columns[order[-1]] > 0).all()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((2.0, "2"), (0.1, "0.1"), (1e5, "1e+05"), (100000.5, "100000.5"), (123456.0, "123456")),
        *((1e15, "1e+15"), (0.0001, "1e-04"), (0.00012, "0.00012"), (1 / 3, "0.333333333333333")),
        *((-2.5, "-2.5"), (0.0, "0"), (1e-300, "1e-300"), (6.5, "6.5")),
    ],
)
def test_numbers_are_spelt_as_r_spells_them(value: float, text: str) -> None:
    assert spell_number(value) == text


def test_prints_tell_columns_apart_and_forgive_signed_zero() -> None:
    a = column_print("x", np.array([0.0, 1.0, -2.0]))
    assert a == column_print("x", np.array([-0.0, 1.0, -2.0]))
    b = column_print("x", np.array([1.0, 0.0, -2.0]))
    assert (a.total, a.size) == (b.total, b.size) == (-1.0, 3.0)
    assert (a.moment, b.moment) == (-4.0, -5.0)
    assert a.sha256 != b.sha256
    assert a.sha256 == hashlib.sha256(struct.pack("<3d", 0.0, 1.0, -2.0)).hexdigest()


def test_print_of_a_problem(data: pd.DataFrame) -> None:
    frame = data.assign(id=pd.Categorical(np.repeat(np.arange(18), 5)))
    got = problem_print(build_design(ModelSpec(parse_formula("y ~ a + x + (b | id)")), frame))
    assert got.n_obs == 90
    assert got.groups == {"id": 18}
    assert got.levels == {"a": ("p", "q", "r")}
    assert [column.name for column in got.x] == ["(Intercept)", "aq", "ar", "x"]
    assert got.z[0].total == sum(5 * (k + 1) for k in range(18))
    assert got.y.total == math.fsum(data["y"])
