"""Codings of factors: R's names, closed forms, and R's rule where a factor takes every level."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from harness.language import parse_formula
from harness.models.contrasts import CODINGS, OwnCoding, coded, codings
from harness.models.design import Design, build_design
from harness.models.spec import ModelSpec

SIZES = (2, 3, 5, 8, 20, 60)


def levels(n: int) -> list[str]:
    return [f"l{k}" for k in range(n)]


@pytest.mark.parametrize("n", SIZES)
def test_polynomials_are_orthonormal_to_the_last_bits_however_many(n: int) -> None:
    names, matrix = coded("poly", "f", levels(n))
    whole = np.column_stack([np.full(n, 1 / math.sqrt(n)), matrix])
    np.testing.assert_allclose(whole.T @ whole, np.eye(n), atol=5e-15)
    assert names[:5] == (".L", ".Q", ".C", "^4", "^5")[: n - 1]
    # Of degree k exactly, and rising at the end: differences of order k are constant.
    for k in range(1, min(n, 6)):
        steps = np.diff(matrix[:, k - 1], k)
        # Differencing k times sums entries of size one with weights up to 2^k.
        np.testing.assert_allclose(steps, steps[0], atol=2.0**k * 2.0**-53, rtol=0)
        assert matrix[-1, k - 1] > 0


@pytest.mark.parametrize("n", SIZES)
def test_the_polynomial_of_highest_degree_is_binomial(n: int) -> None:
    # R's own is off by 5e-11 at 20 levels and has no right digit at 30: it inverts powers of x.
    _, matrix = coded("poly", "f", levels(n))
    signed = [(-1) ** (n - 1 - k) * math.comb(n - 1, k) for k in range(n)]
    square = math.comb(2 * n - 2, n - 1)
    wanted = [math.copysign(math.sqrt(Fraction(c * c, square)), c) for c in signed]
    np.testing.assert_allclose(matrix[:, -1], wanted, rtol=4e-16)


def test_polynomials_of_three_levels_by_hand() -> None:
    _, matrix = coded("poly", "f", levels(3))
    half, sixth = math.sqrt(0.5), math.sqrt(1 / 6)
    np.testing.assert_allclose(
        matrix, [[-half, sixth], [0, -2 * sixth], [half, sixth]], rtol=4e-16, atol=0
    )


@pytest.mark.parametrize("n", SIZES)
def test_sum_helmert_and_treatment_by_their_definitions(n: int) -> None:
    names, matrix = coded("sum", "f", levels(n))
    assert names == tuple(str(k) for k in range(1, n))
    assert (matrix.sum(axis=0) == 0).all()
    assert (matrix[:-1] == np.eye(n - 1)).all()
    names, matrix = coded("helmert", "f", levels(n))
    assert names == tuple(str(k) for k in range(1, n))
    for k in range(1, n):
        assert matrix[:, k - 1].tolist() == [-1.0] * k + [float(k)] + [0.0] * (n - k - 1)
    names, matrix = coded("treatment", "f", levels(n))
    assert names == tuple(levels(n)[1:])
    assert (matrix == np.eye(n)[:, 1:]).all()


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    n = 72
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "x": rng.normal(size=n),
            "arm": pd.Categorical(np.tile(list("ABC"), 24), list("ABC"), ordered=True),
            "t": pd.Categorical(np.repeat(np.tile([0, 1, 2, 3], 6), 3)),
            "id": pd.Categorical(np.repeat(np.arange(6), 12)),
        }
    )


def design(formula: str, data: pd.DataFrame | None = None, **contrasts: object) -> Design:
    spec = ModelSpec(parse_formula(formula), contrasts=codings(contrasts))
    return build_design(spec, frame() if data is None else data)


NAMES = [
    ("y ~ arm + t", {"arm": "sum"}, "arm1 arm2 t1 t2 t3"),
    ("y ~ arm + t", {"t": "poly"}, "armB armC t.L t.Q t.C"),
    ("y ~ arm * x", {"arm": "helmert"}, "arm1 arm2 x arm1:x arm2:x"),
    ("y ~ arm * x", {"arm": "treatment"}, "armB armC x armB:x armC:x"),
    ("y ~ arm * x", {}, "armB armC x armB:x armC:x"),
    ("y ~ x + arm:x", {"arm": "sum"}, "x x:arm1 x:arm2"),
    (
        *("y ~ t + arm:t", {"arm": "sum", "t": "poly"}),
        "t.L t.Q t.C t0:arm1 t1:arm1 t2:arm1 t3:arm1 t0:arm2 t1:arm2 t2:arm2 t3:arm2",
    ),
    ("y ~ arm", {"arm": [[1, 0.5], [-1, 0.5], [0, -1]]}, "arm1 arm2"),
    ("y ~ arm", {"arm": [[1], [-1], [0]]}, "arm1"),
    (
        *("y ~ arm", {"arm": pd.DataFrame([[1, 0.5], [-1, 0.5], [0, -1]], columns=["AB", "C"])}),
        "armAB armC",
    ),
]


@pytest.mark.parametrize(("formula", "contrasts", "names"), NAMES)
def test_names_and_where_every_level_has_a_column(
    formula: str, contrasts: dict, names: str
) -> None:
    assert design(formula, **contrasts).names == ("(Intercept)", *names.split())


def test_without_an_intercept_the_first_factor_takes_every_level() -> None:
    found = design("y ~ 0 + arm + t", arm="sum", t="sum")
    assert found.names == ("armA", "armB", "armC", "t1", "t2", "t3")


def test_random_terms_are_coded_alike() -> None:
    found = design("y ~ x + (arm | id)", arm="sum")
    assert found.random[0].names == ("(Intercept)", "arm1", "arm2")
    assert found.random[0].columns[1][:3].tolist() == [1.0, 0.0, -1.0]
    parted = design("y ~ arm + (arm || id)", arm="sum")
    assert [term.names for term in parted.random] == [("(Intercept)",), ("armA", "armB", "armC")]
    alone = design("y ~ arm + (0 + arm:x | id)", arm="sum")
    assert alone.random[0].names == ("armA:x", "armB:x", "armC:x")


def test_levels_nobody_has_do_not_count() -> None:
    data = frame()
    data.loc[data["t"] == 3, "y"] = np.nan
    assert design("y ~ t", data, t="poly").names == ("(Intercept)", "t.L", "t.Q")
    np.testing.assert_array_equal(design("y ~ t", data, t="sum").X[:12:3, 1], [1.0, 0.0, -1.0, 1.0])


def test_every_coding_spans_the_same_space() -> None:
    data = frame()
    base = build_design(ModelSpec(parse_formula("y ~ arm * t")), data)
    own = np.random.default_rng(1).normal(size=(3, 2))
    for how in (*CODINGS, own):
        other = design("y ~ arm * t", data, arm=how, t="poly")
        assert other.X.shape == base.X.shape
        beta, *_ = np.linalg.lstsq(other.X, base.X, rcond=None)
        np.testing.assert_allclose(other.X @ beta, base.X, atol=1e-12)


def test_what_is_asked_is_hashable_and_keeps_its_names() -> None:
    asked = codings({"arm": "sum", "t": np.eye(4)[:, 1:]})
    assert asked == codings({"arm": "sum", "t": [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]})
    assert hash(ModelSpec(parse_formula("y ~ arm"), contrasts=asked))
    assert codings(dict(asked)) == asked
    assert isinstance(asked[1][1], OwnCoding)
    assert asked[1][1].names == ("1", "2", "3")
    assert codings(None) == ()
