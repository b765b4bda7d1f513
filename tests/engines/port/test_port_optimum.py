"""The optimum: the lowest there is, exact on the boundary, the same in any units."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from port_data import classic, longitudinal, two_wave

import harness
from harness.engines.port.criterion import values

SLOPES = "y ~ arm * t + (t | g)"


def quantities(fit: harness.lmer) -> dict[str, np.ndarray]:
    table = fit.table()
    return {
        "statistic": table.statistic,
        "df": table.df,
        "p_value": table.p_value,
        "theta": fit.theta,
        "criterion": np.array([fit.criterion]),
    }


def two_minima(seed: int) -> pd.DataFrame:
    """Few short series: the criterion of uncorrelated slopes has two minima for these seeds."""
    rng = np.random.default_rng(seed)
    rows = []
    for g in range(8):
        n = int(rng.integers(1, 5))
        t = rng.uniform(0, 4, size=n).round(2)
        b = rng.normal(0, 0.5, 2)
        rows += [(g, x, round(1 + 0.5 * x + b[0] + b[1] * x + rng.normal(), 2)) for x in t]
    frame = pd.DataFrame(rows, columns=["g", "t", "y"])
    return frame.assign(g=pd.Categorical(frame["g"]))


@pytest.mark.parametrize("seed", [2012, 2437, 2960, 3635])
def test_the_lower_of_two_minima_is_found(seed: int) -> None:
    fit = harness.lmer("y ~ t + (t || g)", two_minima(seed))
    grid = np.concatenate(([0.0], np.geomspace(0.01, 30, 60)))
    factors = np.zeros((len(grid) ** 2, 2, 2))
    factors[:, 0, 0], factors[:, 1, 1] = (axis.ravel() for axis in np.meshgrid(grid, grid))
    lowest = values(fit._problem, factors).min()
    assert fit.criterion <= lowest + 1e-9, f"grid finds {lowest}, the search {fit.criterion}"
    assert fit.optimum.starts > 1
    assert max(fit.optimum.rivals) > fit.criterion + 0.1


def confounded(seed: int) -> pd.DataFrame:
    """Five groups that differ in x: slope within and between disagree, and so do two minima."""
    rng = np.random.default_rng(seed)
    rows = []
    for g in range(5):
        k = int(rng.integers(1, 9))
        x = rng.normal(g * rng.choice([0, 1]), 1, size=k).round(1)
        b = rng.normal(0, 2)
        rows += [(g, v, round(b - 1.5 * v * rng.random() + rng.normal(), 1)) for v in x]
    frame = pd.DataFrame(rows, columns=["g", "x", "y"])
    return frame.assign(g=pd.Categorical(frame["g"]))


@pytest.mark.parametrize("seed", [27, 147, 191, 210, 259, 343, 357])
def test_the_lower_of_two_minima_is_found_for_one_variance(seed: int) -> None:
    fit = harness.lmer("y ~ x + (1 | g)", confounded(seed), reml=False)
    grid = np.concatenate(([0.0], np.geomspace(1e-3, 1e3, 3000)))
    f = values(fit._problem, grid[:, None, None])
    assert fit.criterion <= f.min() + 1e-10, f"grid finds {f.min()}, the search {fit.criterion}"
    dips = f[1:-1][(f[1:-1] < f[:-2]) & (f[1:-1] < f[2:])].tolist() + (
        [f[0]] if f[0] < f[1] else []
    )
    assert len(dips) == 2
    assert fit.optimum.rivals[0] == pytest.approx(max(dips), abs=1e-3)


@pytest.mark.parametrize("reml", [True, False], ids=["reml", "ml"])
@pytest.mark.parametrize(
    ("formula", "sd", "correlation"),
    [
        ("y ~ arm * t + (1 | g)", (0.0, 0.0), 0.0),
        ("y ~ arm * t + (t | g)", (0.0, 0.0), 0.0),
        ("y ~ arm * t + (t | g)", (1.0, 0.0), 0.0),
        ("y ~ arm * t + (t | g)", (0.0, 0.5), 0.0),
        ("y ~ arm * t + (t | g)", (1.0, 0.5), 1.0),
        ("y ~ arm * t + (t | g)", (1.0, 0.5), -1.0),
        ("y ~ arm * t + (t || g)", (1.0, 0.0), 0.0),
        ("y ~ arm * t + (t + I(t^2) | g)", (1.0, 0.3), 0.0),
    ],
    ids=lambda value: str(value).replace("y ~ arm * t + ", ""),
)
@pytest.mark.parametrize("seed", range(4))
def test_end_is_stationary_and_no_neighbour_is_lower(
    seed: int, formula: str, sd: tuple[float, float], correlation: float, reml: bool
) -> None:
    frame = longitudinal(seed, groups=15, sd=sd, correlation=correlation, grid=seed % 2 == 0)
    fit = harness.lmer(formula, frame, reml=reml)
    optimum = fit.optimum
    assert fit.converged, optimum.message
    assert optimum.gradient_norm <= 1e-9
    structure = fit._problem.data.structure
    rng = np.random.default_rng(seed)
    here = structure.Lambda(fit._search.at.theta)
    near = np.stack(
        [
            here + structure.Lambda(rng.normal(size=structure.t)) * size
            for size in (1e-3, 1e-2, 0.1, 1.0)
            for _ in range(100)
        ]
    )
    assert values(fit._problem, near).min() >= fit.criterion - 1e-9
    assert optimum.boundary == bool((fit.theta[structure.diagonal] == 0.0).any())
    if optimum.boundary:
        assert fit.singular
        assert optimum.kkt >= -1e-7


def test_dyestuff2_has_no_batch_variance() -> None:
    fit = harness.lmer("Yield ~ 1 + (1 | Batch)", classic("Dyestuff2"))
    assert fit.theta.tolist() == [0.0]
    assert fit.singular
    table = fit.summary()
    assert table["df"].tolist() == [29.0]
    assert table["std_error"][0] == pytest.approx(
        classic("Dyestuff2")["Yield"].std() / np.sqrt(30), rel=1e-12
    )


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e9])
@pytest.mark.parametrize("formula", ["y ~ arm * t + (1 | g)", SLOPES], ids=["intercept", "slopes"])
def test_response_in_other_units(formula: str, scale: float) -> None:
    frame = longitudinal(1)
    fit, other = (harness.lmer(formula, f) for f in (frame, frame.assign(y=frame["y"] * scale)))
    for name, value in quantities(fit).items():
        if name == "criterion":
            shift = 2 * (fit.n_obs - 4) * np.log(scale)
            assert other.criterion == pytest.approx(fit.criterion + shift, abs=1e-8)
            continue
        np.testing.assert_allclose(quantities(other)[name], value, rtol=1e-9, err_msg=name)
    assert other.sigma == pytest.approx(fit.sigma * scale, rel=1e-10)


@pytest.mark.parametrize("shift", [1e3, 1e6])
def test_predictors_and_response_far_from_zero(shift: float) -> None:
    """A calendar year for a follow-up time: slopes, df and p stay, to the digits the data keep."""
    frame = longitudinal(1)
    far = frame.assign(t=frame["t"] + shift, y=frame["y"] + 1e6)
    near_fit, far_fit = harness.lmer(SLOPES, frame), harness.lmer(SLOPES, far)
    assert far_fit.criterion == pytest.approx(near_fit.criterion, abs=1e-6)
    near, away = (fit.summary().set_index("term") for fit in (near_fit, far_fit))
    for term in ("t", "armB:t"):
        for quantity in ("estimate", "std_error", "df", "p_value"):
            assert away[quantity][term] == pytest.approx(near[quantity][term], rel=1e-6), quantity
    components = [{p.term: p.estimate for p in fit.varcorr} for fit in (near_fit, far_fit)]
    for term in ("sd(g:t)", "sigma"):
        assert components[1][term] == pytest.approx(components[0][term], rel=1e-6)


def test_slope_units_move_theta_alone() -> None:
    frame = longitudinal(1)
    fit = harness.lmer(SLOPES, frame)
    minutes = harness.lmer(SLOPES, frame.assign(t=frame["t"] * 1440.0))
    shift = 2 * 2 * np.log(1440.0)  # two columns of X carry t: log|X'V^-1 X| moves with them
    assert minutes.criterion == pytest.approx(fit.criterion + shift, abs=1e-8)
    np.testing.assert_allclose(minutes.theta * [1, 1440, 1440], fit.theta, rtol=1e-9)
    np.testing.assert_allclose(minutes.table().df, fit.table().df, rtol=1e-8)


@pytest.mark.parametrize("formula", ["y ~ arm * t + (1 | g)", SLOPES, "y ~ arm * t + (t || g)"])
def test_row_order_does_not_matter(formula: str) -> None:
    frame = longitudinal(6)
    fit = harness.lmer(formula, frame)
    other = harness.lmer(formula, frame.sample(frac=1.0, random_state=99))
    for name, value in quantities(fit).items():
        np.testing.assert_allclose(quantities(other)[name], value, rtol=1e-8, err_msg=name)


def test_level_names_and_order_of_patients_do_not_matter() -> None:
    frame = longitudinal(6)
    relabelled = frame.assign(g=frame["g"].cat.codes.map(lambda k: f"z{99 - k}"))
    fit, other = harness.lmer(SLOPES, frame), harness.lmer(SLOPES, relabelled)
    for name, value in quantities(fit).items():
        np.testing.assert_allclose(quantities(other)[name], value, rtol=1e-8, err_msg=name)


def test_a_factors_base_level_moves_only_its_own_coefficients() -> None:
    frame = two_wave()
    swapped = frame.assign(arm=frame["arm"].cat.reorder_categories(["MBSR", "TAU"]))
    fit, other = (harness.lmer("y ~ arm * time + (1 | id)", f) for f in (frame, swapped))
    assert other.criterion == pytest.approx(fit.criterion, abs=1e-9)
    assert other.beta[3] == pytest.approx(-fit.beta[3], rel=1e-10)
    assert other.table().df[3] == pytest.approx(fit.table().df[3], rel=1e-9)


def test_the_record_of_the_search_is_complete() -> None:
    fit = harness.lmer("Reaction ~ Days + (Days || Subject)", classic("sleepstudy"))
    optimum = fit.optimum
    assert optimum.end == tuple(fit.theta)
    assert optimum.criterion == fit.criterion
    assert optimum.trace[0][0] == pytest.approx(optimum.start)
    assert optimum.trace[-1][0] == pytest.approx(optimum.end, rel=1e-12)
    falling = [value for _, value in optimum.trace]
    assert all(b <= a + 1e-10 for a, b in pairwise(falling))
    assert optimum.evaluations >= len(optimum.trace)
    assert optimum.options.gradient == 1e-9
    assert optimum.converged
    assert optimum.message.startswith("converged")


def test_fitted_values_and_modes_are_the_shrunken_ones() -> None:
    """Henderson's equations, solved densely."""
    frame = longitudinal(3, groups=12)
    fit = harness.lmer(SLOPES, frame)
    n, groups = len(frame), 12
    codes = fit.design.groupings[0].codes
    Z = np.zeros((n, 2 * groups))
    Z[np.arange(n), 2 * codes] = 1.0
    Z[np.arange(n), 2 * codes + 1] = frame["t"]
    Lambda = fit._problem.data.structure.Lambda(fit.theta)
    S = np.kron(np.eye(groups), Lambda @ Lambda.T)
    X, y = fit.design.X, fit.design.y
    modes = S @ Z.T @ np.linalg.solve(np.eye(n) + Z @ S @ Z.T, y - X @ fit.beta)
    np.testing.assert_allclose(fit.ranef().to_numpy().ravel(), modes, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(fit.fitted, X @ fit.beta + Z @ modes, rtol=1e-11)
    assert fit.ranef().index.tolist() == sorted(frame["g"].unique())
