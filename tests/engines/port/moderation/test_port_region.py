"""The Johnson-Neyman region: against a quadratic, dense evaluation, and R at every df method."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from moderation_data import change_scores, moderated_trial, quadratic_bounds
from scipy import stats

import harness
from harness.engines.port.moderation.degree import polynomial_degree
from harness.engines.port.moderation.effect import Effect, effect_of
from harness.engines.port.moderation.johnson_neyman import topology_of
from harness.engines.port.moderation.region import false_discovery_level
from harness.errors import ModelError

MODEL = "y ~ arm * time * z + (1 | id)"
FOCAL = ("arm", "time")
METHODS = ("satterthwaite", "kenward-roger", "residual", "z")


@pytest.fixture(scope="module")
def fit() -> Any:
    return harness.lmer(MODEL, moderated_trial())


def excess(effect: Effect, values: Any, alpha: float = 0.05) -> Any:
    """|t| less its critical value, from the contrasts as they are."""
    estimate, error, df = effect.tested(effect.rows(np.asarray(values, dtype=float)))
    q = np.where(np.isinf(df), stats.norm.isf(alpha / 2), stats.t.isf(alpha / 2, df))
    return np.abs(estimate / error) - q


@pytest.mark.parametrize("unit", [(1.0, 0.0), (1e-6, 0.0), (1.0, 2000.0), (1e5, 0.0)], ids=str)
@pytest.mark.parametrize("alpha", [0.05, 0.001, 0.5])
def test_with_constant_df_the_bounds_solve_a_quadratic(
    alpha: float, unit: tuple[float, float]
) -> None:
    scale, origin = unit
    plain = change_scores()
    own = harness.lm("change ~ arm * z", plain)
    at = [own.names.index("armMBSR"), own.names.index("armMBSR:z")]
    c = float(stats.t.isf(alpha / 2, len(plain) - 4))
    wanted = quadratic_bounds(own.beta[at], own.covariance("residual")[np.ix_(at, at)], c)
    moved = harness.lm("change ~ arm * z", plain.assign(z=plain["z"] * scale + origin))
    region = harness.johnson_neyman(moved, "arm", "z", alpha=alpha)
    assert len(region.bounds) == len(wanted) == 2
    found = np.array([(bound.value - origin) / scale for bound in region.bounds])
    # A bound far out is where t hardly changes: its test is known better than its place.
    assert found == pytest.approx(wanted, rel=1e-7)
    estimate, error, _ = effect_of(own, "arm", "z").tested(effect_of(own, "arm", "z").rows(found))
    # 2000 is 1,300 standard deviations away: the variance of the effect at 0 is 2e6 times larger.
    assert np.abs(estimate / error) == pytest.approx(c, rel=1e-9 if origin else 1e-11)


@pytest.mark.parametrize("method", METHODS)
def test_every_bound_has_p_equal_to_alpha_and_no_crossing_is_missed(fit: Any, method: Any) -> None:
    region = harness.johnson_neyman(fit, FOCAL, "z", df=method)
    effect = effect_of(fit, FOCAL, "z", df=method)
    bounds = [bound.value for bound in region.bounds]
    assert len(bounds) == 2
    assert np.abs(excess(effect, bounds)).max() < 1e-10
    grid = np.unique(np.concatenate([np.linspace(-30, 30, 4001), 10.0 ** np.linspace(2, 7, 40)]))
    dense = excess(effect, grid) > 0
    for each in region.regions:
        inside = (grid > each.low) & (grid < each.high)
        assert (dense[inside] == each.significant).all()
    z = moderated_trial()["z"]
    assert region.share_significant == (excess(effect, z) > 0).mean()
    assert [b.observed for b in region.bounds] == [z.min() <= m <= z.max() for m in bounds]


@pytest.mark.parametrize("formula", ["change ~ arm * z", "change ~ arm * (z + I(z^2))"])
def test_the_unit_of_a_bound_is_what_moves_t_by_one(formula: str) -> None:
    fit = harness.lm(formula, change_scores())
    effect = effect_of(fit, "arm", "z")
    for bound in harness.johnson_neyman(fit, "arm", "z").bounds:
        h = 1e-5
        estimate, error, _ = effect.tested(
            effect.rows(np.array([bound.value - h, bound.value + h]))
        )
        slope = np.diff(estimate / error)[0] / (2 * h)
        assert bound.unit == pytest.approx(1 / abs(slope), rel=1e-5)
    assert effect.slope_of_t(np.array([0.0, 1.0])).shape == (2,)


def test_two_values_of_a_number_are_a_difference() -> None:
    frame = moderated_trial().assign(t=lambda d: 3.0 * (d["time"] == "post"))
    fit = harness.lmer("y ~ arm * t * z + (1 | id)", frame)
    table = harness.simple_slopes(fit, {"arm": ("MBSR", "TAU"), "t": (3, 0)}, "z", [1.0]).table()
    beta = dict(zip(fit.names, fit.beta, strict=True))
    assert table["slope"][0] == pytest.approx(3 * (beta["armMBSR:t"] + beta["armMBSR:t:z"]))
    assert table["effect"][0] == "(arm: MBSR - TAU) x (t: 3 - 0)"
    for pair in ((1, 1), ("a", 0), (0, float("inf"))):
        with pytest.raises(ModelError, match="`t`"):
            harness.simple_slopes(fit, {"arm": ("MBSR", "TAU"), "t": pair}, "z")


def test_degrees_of_freedom_are_those_at_the_bound(fit: Any) -> None:
    low, high = harness.johnson_neyman(fit, FOCAL, "z").bounds
    assert low.df != high.df
    for bound in (low, high):
        table = harness.simple_slopes(fit, FOCAL, "z", [bound.value]).table()
        assert bound.df == table["df"][0]
        assert table["p_value"][0] == pytest.approx(0.05, rel=1e-10)
    fixed = harness.johnson_neyman(fit, FOCAL, "z", df="z").bounds
    assert abs(fixed[0].value - low.value) > 1e-4


@pytest.mark.live_r
@pytest.mark.parametrize("method", METHODS)
def test_r_finds_the_same_region(lme4: Any, fit: Any, method: Any) -> None:
    from r_examples import spec

    frame = moderated_trial()
    answer = lme4.ask(
        "moderation", spec(MODEL, df_method=method), frame, effect="armMBSR:timepost",
        moderator="z", values=[0.0, 2.0, 4.0], mean_sd=True, per="id", theta=fit.theta,
    )  # fmt: skip
    said = answer["johnson_neyman"]
    region = harness.johnson_neyman(fit, FOCAL, "z", df=method, per="id")
    slopes = harness.simple_slopes(
        fit, FOCAL, "z", [0.0, 2.0, 4.0, "mean-sd", "mean", "mean+sd"], df=method, per="id"
    ).table()
    limit = 1e-6 if method == "satterthwaite" else 1e-9
    for row, (_, ours) in zip(answer["slopes"], slopes.iterrows(), strict=True):
        assert ours["z"] == pytest.approx(row["value"], rel=1e-13)
        assert abs(ours["slope"] - row["estimate"]) <= 1e-9 * row["std_error"]
        assert ours["std_error"] == pytest.approx(row["std_error"], rel=1e-9)
        assert ours["df"] == pytest.approx(float(row["df"]), rel=limit)
    assert (region.topology, region.topology_observed) == (
        said["topology"], said["topology_observed"],
    )  # fmt: skip
    assert region.share_significant == pytest.approx(said["share_significant"], abs=1e-15)
    for bound, row in zip(region.bounds, said["bounds"], strict=True):
        slope = fit.beta[fit.names.index("armMBSR:timepost:z")]
        assert abs(bound.value - row["value"]) * abs(slope) <= limit * row["std_error"]
        assert bound.observed == row["observed"]
    ends = [(each["from"], each["to"], each["significant"]) for each in said["regions"]]
    assert [each.significant for each in region.regions] == [end[2] for end in ends]


@pytest.mark.parametrize(
    ("significant", "shape"),
    [
        ([True], "all"), ([False], "none"), ([True, False], "one-sided"),
        ([False, True], "one-sided"), ([False, True, False], "inside"),
        ([True, False, True], "outside"), ([True, True, False], "one-sided"),
        ([True, False, True, False], "several"),
    ],
)  # fmt: skip
def test_the_shape_of_a_region(significant: list[bool], shape: str) -> None:
    assert topology_of(np.array(significant)) == shape


def made(strength: float, moderation: float) -> Any:
    """A change-score model whose two coefficients are as given, in standard errors about."""
    frame = change_scores()
    z = frame["z"] - frame["z"].mean()
    arm = (frame["arm"] == "MBSR").astype(float) - 0.5
    noise = np.random.default_rng(3).normal(size=len(frame))
    frame = frame.assign(z=z, y=arm * (strength + moderation * z) + noise)
    return harness.lm("y ~ arm * z", frame)


@pytest.mark.parametrize(
    ("strength", "moderation", "shape", "words"),
    [
        (0.0, 0.0, "none", "nowhere"),
        (5.0, 0.1, "inside", "positive where"),
        (0.0, 2.0, "outside", "negative where z < "),
    ],
)
def test_shapes_that_data_have(strength: float, moderation: float, shape: str, words: str) -> None:
    region = harness.johnson_neyman(made(strength, moderation), "arm", "z")
    assert region.topology == shape
    assert words in region.sentence()
    signs = [each.sign for each in region.regions if each.significant]
    assert signs == {"none": [], "inside": [1], "outside": [-1, 1]}[shape]


def test_bounds_that_nobody_was_near_are_called_extrapolated() -> None:
    region = harness.johnson_neyman(made(5.0, 0.1), "arm", "z")
    assert region.extrapolated
    assert region.topology_observed == "all"
    assert region.share_significant == 1.0
    assert region.sentence().endswith(", where no bound lies")
    assert not harness.johnson_neyman(made(0.0, 2.0), "arm", "z").extrapolated
    assert not harness.johnson_neyman(made(0.0, 0.0), "arm", "z").extrapolated


def test_a_quadratic_moderation_may_have_four_bounds() -> None:
    frame = change_scores()
    z = np.linspace(-3, 3, len(frame))
    arm = (frame["arm"] == "MBSR").astype(float)
    noise = np.random.default_rng(5).normal(0, 0.3, len(frame))
    frame = frame.assign(z=z, y=arm * (z * z - 3.0) + noise)
    fit = harness.lm("y ~ arm * (z + I(z^2))", frame)
    region = harness.johnson_neyman(fit, "arm", "z")
    effect = effect_of(fit, "arm", "z")
    assert effect.degree == 2
    assert region.topology == "several"
    assert [each.sign for each in region.regions] == [1, 0, -1, 0, 1]
    assert np.abs(excess(effect, [b.value for b in region.bounds])).max() < 1e-9
    same = harness.johnson_neyman(harness.lm("y ~ arm * poly(z, 2)", frame), "arm", "z")
    assert [b.value for b in same.bounds] == pytest.approx([b.value for b in region.bounds])


def test_what_is_no_polynomial_is_searched_where_it_was_observed() -> None:
    frame = change_scores()
    frame = frame.assign(z=np.exp(frame["z"]))
    fit = harness.lm("change ~ arm * log(z)", frame)
    region = harness.johnson_neyman(fit, "arm", "z")
    logged = harness.lm("change ~ arm * lz", frame.assign(lz=np.log(frame["z"])))
    straight = harness.johnson_neyman(logged, "arm", "lz")
    inside = [np.exp(b.value) for b in straight.bounds if b.observed]
    assert inside
    assert [b.value for b in region.bounds] == pytest.approx(inside, rel=1e-9)
    assert (region.regions[0].low, region.regions[-1].high) == (frame["z"].min(), frame["z"].max())
    assert region.share_significant == pytest.approx(straight.share_significant)


def test_a_region_that_only_touches_is_found_between_the_points_of_the_first_look() -> None:
    """|t| = R cos(u - u0) just above its quantile: two bounds a hundredth of a degree apart."""
    fit = made(0.4, 0.3)
    names = [fit.names.index(n) for n in ("armMBSR", "armMBSR:z")]
    V, beta = fit.covariance("residual")[np.ix_(names, names)], fit.beta[names]
    wald = float(np.sqrt(beta @ np.linalg.solve(V, beta)))
    quantile = wald * (1 - 2e-9)
    alpha = float(2 * stats.t.sf(quantile, len(fit.design.y) - 4))
    region = harness.johnson_neyman(fit, "arm", "z", alpha=alpha)
    assert region.topology == "inside"
    wanted = quadratic_bounds(beta, V, quantile)
    assert [b.value for b in region.bounds] == pytest.approx(wanted, rel=1e-6)


def test_false_discoveries_are_controlled_by_a_step_up_over_observed_values(fit: Any) -> None:
    region = harness.johnson_neyman(fit, FOCAL, "z", control="fdr", per="id")
    z = np.unique(moderated_trial().drop_duplicates("id")["z"])
    p = np.sort(harness.simple_slopes(fit, FOCAL, "z", z.tolist()).table()["p_value"])
    steps = 0.05 * np.arange(1, len(p) + 1) / len(p)
    last = np.flatnonzero(p <= steps)[-1]
    assert region.alpha_used == steps[last]
    assert region.alpha_used < 0.05
    assert (
        np.abs(
            excess(effect_of(fit, FOCAL, "z"), [b.value for b in region.bounds], region.alpha_used)
        ).max()
        < 1e-10
    )
    assert "false discoveries controlled" in region.sentence()
    plain = harness.johnson_neyman(fit, FOCAL, "z", per="id")
    assert region.share_significant <= plain.share_significant


def test_where_nothing_passes_the_smallest_step_is_the_level() -> None:
    effect = effect_of(made(0.0, 0.0), "arm", "z")
    assert false_discovery_level(effect, 0.05) == 0.05 / len(np.unique(effect.observed))


DEGREES = {
    "arm * z": 1, "arm * scale(z)": 1, "arm * center(z)": 1, "arm * I(z^3)": 3,
    "arm * poly(z, 2)": 2, "arm * I(2 * z - 1)": 1, "arm * I(z * z)": 2, "arm * I((z + 1) / 2)": 1,
    "arm * log(z)": None, "arm * exp(z)": None, "arm * I(1 / z)": None, "arm * sqrt(z)": None,
    "arm * I(z^0.5)": None, "arm * z * I(z^2)": 3, "arm": 0, "arm * I(-z)": 1,
}  # fmt: skip


@pytest.mark.parametrize("right", DEGREES, ids=str)
def test_the_degree_of_the_moderator(right: str) -> None:
    frame = change_scores().assign(z=lambda d: np.exp(d["z"] / 4))
    fit = harness.lm(f"change ~ {right}", frame)
    degree = polynomial_degree(fit.design, "z")
    assert degree == DEGREES[right]
    if degree is None or degree == 0:
        return
    effect = effect_of(fit, "arm", "z")
    low, high = effect.observed.min(), effect.observed.max()
    values = np.array([low - 3.0, low, 0.3 * low + 0.7 * high, high + 5.0])
    direct = effect.functions(values).L
    assert effect.rows(values) == pytest.approx(direct, rel=1e-9, abs=1e-9)
    assert len(effect.powers) == degree + 1


def test_what_is_no_polynomial_has_no_powers() -> None:
    frame = change_scores().assign(z=lambda d: np.exp(d["z"]))
    with pytest.raises(ModelError, match="no polynomial"):
        _ = effect_of(harness.lm("change ~ arm * log(z)", frame), "arm", "z").powers


def test_the_curve_is_zero_at_the_bounds(fit: Any) -> None:
    region = harness.johnson_neyman(fit, FOCAL, "z")
    curve = region.curve(2001)
    for bound in (b for b in region.bounds if b.observed):
        near = curve.iloc[(curve["z"] - bound.value).abs().argmin()]
        assert min(abs(near["low"]), abs(near["high"])) < 0.02 * near["std_error"]
    assert len(region.table()) == 2
    assert list(region.table()["observed"]) == [b.observed for b in region.bounds]


@pytest.mark.parametrize(
    ("given", "words"),
    [({"alpha": 0.0}, "alpha"), ({"alpha": 1}, "alpha"), ({"control": "bh"}, "none and fdr")],
)
def test_what_is_no_level_or_control_is_refused(fit: Any, given: Any, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        harness.johnson_neyman(fit, FOCAL, "z", **given)
