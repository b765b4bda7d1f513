"""The one pass over the rows, by every road it can take."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest

import harness
from harness.engines.port import groups, patterns
from harness.engines.port.crossproducts import cross_products
from harness.language import parse_formula
from harness.models.design import build_design
from harness.models.frame import Grouping
from harness.models.orthogonal import orthogonal_factor
from harness.models.spec import ModelSpec

ROWS = 60_000


def columns(sizes: np.ndarray, seed: int) -> tuple[list[np.ndarray], np.ndarray, Grouping]:
    """A column of ones and one of numbers, six of W, and groups of these sizes in order."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(sizes)), sizes)
    Z = [np.ones(len(codes)), rng.normal(size=len(codes))]
    W = np.asfortranarray(rng.normal(size=(len(codes), 6)))
    return Z, W, Grouping("g", codes, sizes, pd.RangeIndex(len(sizes)))


def one_by_one(
    Z: list[np.ndarray], W: np.ndarray, grouping: Grouping
) -> tuple[np.ndarray, np.ndarray]:
    """The sums, straight from their definition."""
    stacked = np.column_stack(Z)
    G, q, P = len(grouping.sizes), len(Z), W.shape[1]
    A, C = np.zeros((G, q, q)), np.zeros((G, q, P))
    np.add.at(A, grouping.codes, stacked[:, :, None] * stacked[:, None, :])
    np.add.at(C, grouping.codes, stacked[:, :, None] * W[:, None, :])
    return A, C


@pytest.mark.parametrize(
    "sizes",
    [
        np.full(12_000, 5),
        np.tile([3, 5, 4], 5_000),
        np.array([1, 40_000, 2, 3, 20_000, 1]),
        np.tile([2, 3], 40),
        np.array([1, 150, 2, 3, 1, 1, 1, 1]),
    ],
    ids=["one size", "three sizes", "longer than a block", "few rows", "few, one long"],
)
@pytest.mark.parametrize("ordered", [True, False], ids=["in order", "shuffled"])
def test_sums_are_their_definition(sizes: np.ndarray, ordered: bool) -> None:
    Z, W, grouping = columns(sizes, 1)
    if not ordered:
        order = np.random.default_rng(2).permutation(len(W))
        Z, W = [z[order] for z in Z], np.asfortranarray(W[order])
        grouping = Grouping("g", grouping.codes[order], sizes, grouping.levels)
    for found, true in zip(
        groups.group_sums(Z, W, grouping), one_by_one(Z, W, grouping), strict=True
    ):
        np.testing.assert_allclose(found, true, rtol=0, atol=1e-14 * np.abs(true).max() * 40)


def test_two_columns_of_ones_meet_as_often_as_there_are_rows() -> None:
    Z, W, grouping = columns(np.full(12_000, 5), 1)
    A, C = groups._sums_in_order(
        [Z[0], Z[1], Z[0].copy()], W, grouping.sizes, np.arange(0, len(W), 5)
    )
    np.testing.assert_array_equal(A[:, 0, 2], 5.0)
    np.testing.assert_allclose(A[:, 1, 2], A[:, 1, 0])
    np.testing.assert_allclose(C[:, 2], C[:, 0])


@pytest.mark.parametrize("m", [1, 3])
@pytest.mark.parametrize("solved", [True, False], ids=["of X", "of W"])
def test_groups_taken_by_pattern_give_what_each_gives(m: int, solved: bool) -> None:
    rng = np.random.default_rng(3)
    G, q, P = 20_000, 2, 4
    A = np.stack([np.cov(rng.normal(size=(q, 9))) + k for k in range(m)])
    C = rng.normal(size=(G, q, P))
    pattern = rng.integers(0, m, size=G)
    F = np.triu(rng.normal(size=(P, P))) + 3 * np.eye(P)
    inverse = np.linalg.inv(F) if solved else None
    own = C @ inverse if solved else C.copy()
    expected = np.stack(
        [np.linalg.solve(np.linalg.cholesky(A[k]), c) for k, c in zip(pattern, own, strict=True)]
    )
    count = np.bincount(pattern, minlength=m).astype(np.float64)
    R, c, B = patterns.split(A, C, pattern, count, inverse)
    np.testing.assert_allclose(R, np.linalg.cholesky(A).transpose(0, 2, 1), rtol=1e-12)
    np.testing.assert_allclose(c, expected, rtol=1e-9, atol=1e-12)
    outer = np.zeros((m, q, q, P, P))
    np.add.at(outer, pattern, np.einsum("gap,gbr->gabpr", expected, expected))
    np.testing.assert_allclose(B, outer.reshape(m * q * q, P * P), rtol=1e-9, atol=1e-9)


def test_patients_of_one_design_with_one_seen_once_among_them() -> None:
    """A deficient design sends every group the careful way, and changes nothing for the others."""
    frame = trial(6_000)
    alone = frame.drop(index=[1, 2, 3])
    at, other = (
        cross_products(build_design(ModelSpec(parse_formula("y ~ t + (t | id)")), f))
        for f in (frame, alone)
    )
    assert len(at.R) == 1
    assert len(other.R) == 2
    fit, fewer = (harness.lmer("y ~ t + (t | id)", f) for f in (frame, alone))
    np.testing.assert_allclose(fewer.beta, fit.beta, rtol=1e-3)


def trial(patients: int) -> pd.DataFrame:
    """Patients over four visits."""
    rng = np.random.default_rng(5)
    ids = np.repeat(np.arange(patients), 4)
    t = np.tile(np.arange(4.0), patients)
    b = rng.normal(size=(patients, 2)) * [2.0, 0.5]
    y = 10 + b[ids, 0] + (b[ids, 1] + 0.3) * t + rng.normal(size=len(t))
    return pd.DataFrame({"y": y, "t": t, "id": pd.Categorical(ids)})


def test_long_data_in_any_order_give_one_fit() -> None:
    frame = trial(20_000)
    fit = harness.lmer("y ~ t + (t | id)", frame)
    other = harness.lmer("y ~ t + (t | id)", frame.sample(frac=1.0, random_state=1))
    np.testing.assert_allclose(other.theta, fit.theta, rtol=1e-9)
    np.testing.assert_allclose(other.table().df, fit.table().df, rtol=1e-8)
    assert other.criterion == pytest.approx(fit.criterion, rel=1e-13)


def test_a_factor_from_blocks_of_rows_is_that_of_all_rows() -> None:
    rng = np.random.default_rng(4)
    XY = np.asfortranarray(rng.normal(size=(ROWS, 5)) + np.array([3.0, 0, 0, 0, 0]))
    factor = orthogonal_factor(XY)
    assert factor.Q is None
    np.testing.assert_allclose(
        factor.R, np.linalg.cholesky(XY.T @ XY).T, rtol=1e-12, atol=1e-11 * np.sqrt(ROWS)
    )


def test_memory_stays_near_that_of_the_data() -> None:
    """Beside X, y, Z and the codes a fit takes no second copy of them."""
    frame = trial(100_000)
    harness.lmer("y ~ t + (t | id)", frame.iloc[:400])
    tracemalloc.start()
    design = harness.lmer("y ~ t + (t | id)", frame).design
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    data = design.XY.nbytes + sum(c.nbytes for term in design.random for c in term.columns)
    assert peak < 1.6 * (data + design.groupings[0].codes.nbytes)
