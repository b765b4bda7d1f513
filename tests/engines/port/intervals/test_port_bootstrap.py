"""The parametric bootstrap: what it draws, what it makes of it, and R's boot on the same draws."""

from __future__ import annotations

import json
import math
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from port_data import classic, longitudinal, two_wave
from scipy import stats

import harness
from harness.engines.port.fit import Fit
from harness.engines.port.intervals.bootstrap import Bootstrap
from harness.engines.port.intervals.quantiles import order_quantile, quantile_error
from harness.errors import ModelError

METHODS = ("percentile", "basic", "normal")


@cache
def trial() -> Fit:
    return harness.lmer("y ~ time * arm + (1 | id)", two_wave())


@cache
def slopes() -> Fit:
    return harness.lmer("Reaction ~ Days + (Days | Subject)", classic("sleepstudy"))


def variance_share(fit: Fit) -> dict[str, float]:
    """The intraclass correlation."""
    sd, sigma = (row.estimate for row in fit.varcorr)
    return {"icc": sd**2 / (sd**2 + sigma**2)}


class TestReplicates:
    def test_they_are_fits_of_simulated_responses(self) -> None:
        fit = slopes()
        made = fit.bootstrap(60, seed=4)
        assert made.terms == (*fit.names, *(row.term for row in fit.varcorr))
        Y = fit.simulate(60, seed=4)
        for number in range(0, 60, 7):
            own = fit.refit(Y[:, number])
            wanted = [*own.beta, *(row.estimate for row in own.varcorr)]
            assert made.replicates[number] == pytest.approx(wanted, rel=1e-6, abs=1e-6, nan_ok=True)
        assert made.estimate == pytest.approx(
            [*fit.beta, *(row.estimate for row in fit.varcorr)], rel=1e-13
        )
        assert made.failures == ()
        assert made.unconverged == 0

    @pytest.mark.parametrize("processes", [2, 3])
    def test_processes_change_nothing(self, processes: int) -> None:
        alone, spread = (slopes().bootstrap(520, seed=4, processes=k) for k in (1, processes))
        assert np.array_equal(alone.replicates, spread.replicates, equal_nan=True)
        assert alone.singular == spread.singular
        assert alone.failures == spread.failures

    def test_a_statistic_of_ones_own(self) -> None:
        made = trial().bootstrap(60, seed=4, statistic=variance_share)
        plain = trial().bootstrap(60, seed=4)
        sd, sigma = plain.replicates[:, -2], plain.replicates[:, -1]
        assert made.terms == ("icc",)
        assert made.replicates[:, 0] == pytest.approx(sd**2 / (sd**2 + sigma**2), rel=1e-8)
        spread = trial().bootstrap(60, seed=4, statistic=variance_share, processes=2)
        assert np.array_equal(made.replicates, spread.replicates)

    @pytest.mark.parametrize(
        ("returned", "terms"),
        [
            (2.5, ("statistic[0]",)),
            ([1.0, 2.0], ("statistic[0]", "statistic[1]")),
            (pd.Series({"a": 1.0, "b": 2.0}), ("a", "b")),
            ({"a": 1.0}, ("a",)),
        ],
    )
    def test_what_a_statistic_may_return(self, returned: object, terms: tuple[str, ...]) -> None:
        assert trial().bootstrap(2, statistic=lambda _: returned).terms == terms

    @pytest.mark.parametrize(
        ("returned", "words"), [("text", "must return a number"), (np.eye(2), "vector")]
    )
    def test_what_it_may_not(self, returned: object, words: str) -> None:
        with pytest.raises(ModelError, match=words):
            trial().bootstrap(2, statistic=lambda _: returned)

    def test_a_statistic_that_changes_its_length(self) -> None:
        lengths = iter([1, 1, 2])
        with pytest.raises(ModelError, match="as many every time"):
            trial().bootstrap(5, statistic=lambda _: np.zeros(next(lengths)))

    def test_singular_replicates_are_counted(self) -> None:
        fit = harness.lmer("Yield ~ 1 + (1 | Batch)", classic("Dyestuff"))
        made = fit.bootstrap(400, seed=1)
        assert made.singular == int((made.replicates[:, 1] == 0.0).sum())
        assert 0 < made.singular < 400


class TestAgainstTheory:
    def test_coverage_of_balanced_data(self) -> None:
        # In balanced data the coefficients are exactly normal with the fit's covariance, and
        # sigma^2 is chi-square: what the replicates must look like is known.
        fit = trial()
        made = fit.bootstrap(4000, seed=11)
        error = np.sqrt(fit.vcov.diagonal())
        z = (made.replicates[:, :4] - fit.beta) / error
        assert np.abs(z.mean(axis=0)).max() < 5.0 / math.sqrt(4000)
        assert stats.kstest(z[:, 3], "norm").pvalue > 1e-4
        share = made.replicates[:, -1] ** 2 / fit.sigma**2 * 68.0
        assert stats.kstest(share, stats.chi2(68).cdf).pvalue > 1e-4

    def test_the_summary_measures_its_own_error(self) -> None:
        fit = trial()
        runs = [fit.bootstrap(100, seed=s).summary() for s in range(60)]
        for column, error in (("bias", "bias_error"), ("std_error", "std_error_error")):
            spread = np.std([run[column] for run in runs], axis=0, ddof=1)
            said = np.mean([run[error] for run in runs], axis=0)
            # 60 runs estimate a standard deviation to 9 per cent; replicates are near normal.
            assert (np.abs(spread / said - 1.0) < 0.4).all(), column

    @pytest.mark.parametrize("method", METHODS)
    def test_intervals_measure_their_own_error(self, method: str) -> None:
        fit = trial()
        runs = [fit.bootstrap(250, seed=s).confint(0.9, method) for s in range(60)]
        for bound, error in (("conf_low", "low_error"), ("conf_high", "high_error")):
            spread = np.std([run[bound] for run in runs], axis=0, ddof=1)
            said = np.mean([run[error] for run in runs], axis=0)
            assert (np.abs(spread / said - 1.0) < 0.5).all(), (bound, spread / said)


class TestIntervals:
    def test_quantiles_of_known_numbers(self) -> None:
        ordered = np.arange(1.0, 100.0)  # 99 replicates: rank 100 alpha
        assert order_quantile(ordered, 0.05) == 5.0
        assert order_quantile(ordered, 0.95) == 95.0
        between = order_quantile(ordered, 0.055)
        low, high = stats.norm.ppf([0.05, 0.06])
        assert between == pytest.approx(5.0 + (stats.norm.ppf(0.055) - low) / (high - low))
        assert order_quantile(ordered, 0.001) == 1.0
        assert order_quantile(ordered, 0.999) == 99.0

    def test_the_error_of_a_quantile_is_that_of_order_statistics(self) -> None:
        rng = np.random.default_rng(3)
        draws = np.sort(rng.normal(size=(2000, 400)), axis=1)
        spread = np.std([order_quantile(row, 0.1) for row in draws])
        said = np.mean([quantile_error(row, 0.1) for row in draws])
        assert said == pytest.approx(spread, rel=0.1)

    def test_missing_correlations_are_left_out(self) -> None:
        made = Bootstrap(
            terms=("a", "b"),
            estimate=np.array([0.0, 0.0]),
            replicates=np.column_stack([np.arange(99.0), np.arange(99.0)]),
            seed=1,
            failures=(),
            unconverged=0,
            singular=0,
        )
        made.replicates[:20, 1] = np.nan
        table = made.confint(0.9)
        assert table["conf_low"][1] > table["conf_low"][0]
        assert list(made.summary()["replicates"]) == [99, 79]

    def test_too_few_replicates(self) -> None:
        made = trial().bootstrap(38, seed=1)
        with pytest.raises(ModelError, match=r"has 38 replicates: .* needs 39 or more"):
            made.confint(0.95)
        assert len(made.confint(0.95, "normal")) == 6
        assert len(trial().bootstrap(39, seed=1).confint(0.95)) == 6

    def test_an_unknown_method(self) -> None:
        with pytest.raises(ModelError, match="unknown bootstrap method `bca`"):
            trial().bootstrap(39, seed=1).confint(0.95, "bca")

    def test_they_are_what_confint_gives(self) -> None:
        table = trial().confint("bootstrap", 0.9, n_sim=100, seed=5)
        wanted = trial().bootstrap(100, seed=5).confint(0.9)
        assert list(table.columns) == ["term", "estimate", "conf_low", "conf_high", "method"]
        assert table["conf_low"].equals(wanted["conf_low"])
        assert (table["method"] == "bootstrap percentile").all()


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"n_sim": 0}, "n_sim"), ({"seed": -1}, "seed"), ({"processes": 0}, "processes")],
)
def test_numbers_out_of_range(settings: dict[str, int], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        trial().bootstrap(**settings)


def test_near_singular_models_are_not_left_unfitted() -> None:
    fit = harness.lmer("y ~ t + (t | g)", longitudinal(1, groups=15, sd=(1.0, 0.05)))
    made = fit.bootstrap(60, seed=2)
    assert made.singular > 10
    assert made.unconverged == 0
    assert np.isfinite(made.replicates[:, :4]).all()


@pytest.mark.live_r
def test_rs_boot_on_the_same_replicates(r_home: Path, tmp_path: Path) -> None:
    for count in (199, 1000):
        made = trial().bootstrap(count, seed=3)
        table = np.vstack([made.estimate, made.replicates])
        np.savetxt(tmp_path / "replicates.csv", table, delimiter=",", fmt="%.17g")
        script = Path(__file__).with_name("bootstrap.R")
        said = subprocess.run(
            ["Rscript", "--vanilla", str(script), str(tmp_path / "replicates.csv"), "0.9"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert said.returncode == 0, said.stderr
        for k, theirs in enumerate(json.loads(said.stdout)):
            for method in METHODS:
                ours = made.confint(0.9, method).loc[k, ["conf_low", "conf_high"]]
                assert ours.to_numpy(dtype=float) == pytest.approx(theirs[method], rel=1e-11)
