"""A model by visit at a covariance that was given, and as the record every engine answers with."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from visits import by_visit, mmrm_spec

from harness.compare.components import follows_theta
from harness.engines.port.engine import PortEngine
from harness.engines.port.repeated.api import covariance_of, fit_repeated, repeated_at
from harness.engines.r.answer import estimates_from_json
from harness.errors import ModelError
from harness.models.record import as_json
from harness.models.spec import Covariance

PORT = PortEngine()


@pytest.mark.parametrize("covariance", get_args(Covariance))
def test_at_its_own_optimum_a_fit_gives_the_same_numbers(covariance: Covariance) -> None:
    frame, spec = by_visit(), mmrm_spec(covariance)
    found = PORT.fit(spec, frame)
    again = PORT.at(spec, frame, found.theta)
    assert again.fit.criterion == pytest.approx(found.fit.criterion, abs=1e-10)
    for one, other in zip(found.fixed, again.fixed, strict=True):
        assert other.estimate == pytest.approx(one.estimate, abs=1e-11 * one.std_error)
        assert other.std_error == pytest.approx(one.std_error, rel=1e-11)
        assert other.df == pytest.approx(one.df, rel=1e-9)
    for one, other in zip(found.random, again.random, strict=True):
        assert other.estimate == pytest.approx(one.estimate, rel=1e-11, abs=1e-13)


def test_theta_is_the_factor_of_the_covariance_in_the_outcomes_unit() -> None:
    frame, spec = by_visit(), mmrm_spec()
    fit = fit_repeated(spec, frame)
    R = covariance_of(fit.theta.tolist(), 3)
    np.testing.assert_allclose(R, fit.covariance_matrix, rtol=1e-14)
    components = {part.term: part.estimate for part in PORT.fit(spec, frame).random}
    assert components["sd(id:week=w4)"] == pytest.approx(np.sqrt(R[1, 1]), rel=1e-14)
    assert components["cor(id:week=w0,week=w8)"] == pytest.approx(
        R[2, 0] / np.sqrt(R[0, 0] * R[2, 2]), rel=1e-13
    )
    assert list(components) == [part.term for part in fit.varcorr]
    assert len(components) == 6


@pytest.mark.parametrize("covariance", ["un", "cs"])
def test_components_follow_from_theta_and_altered_ones_do_not(covariance: Covariance) -> None:
    found = PORT.fit(mmrm_spec(covariance), by_visit())
    assert follows_theta(found, 1e-12)
    for place, part in enumerate(found.random):
        altered = list(found.random)
        altered[place] = replace(part, estimate=part.estimate * (1 + 1e-6))
        assert not follows_theta(replace(found, random=tuple(altered)), 1e-8), part.term


def test_a_higher_criterion_is_found_away_from_the_optimum() -> None:
    frame, spec = by_visit(), mmrm_spec()
    found = PORT.fit(spec, frame)
    away = tuple(1.1 * value for value in found.theta)
    (there,) = PORT.evaluated_at(spec, frame, [away])
    # Twice the log of 1.1 for each of d residual degrees of freedom, less what d / 1.21 saves.
    d = found.n_obs - len(found.fixed)
    rise = d * (2 * np.log(1.1) + 1 / 1.21 - 1)
    assert there.criterion - found.fit.criterion == pytest.approx(rise, rel=1e-9)
    assert PORT.criterion_at(spec, frame, away) == there.criterion
    assert np.isnan(there.sigma)
    errors = [effect.std_error for effect in found.fixed]
    np.testing.assert_allclose([c.std_error for c in there.coefficients], np.multiply(errors, 1.1))


BROKEN = {
    "too short": ((1.0, 0.0, 1.0), "3 entries; 3 visits have 6"),
    "diagonal": ((1.0, 0.0, 0.0, -1.0, 0.0, 1.0), "is no Cholesky factor"),
    "not finite": ((1.0, 0.0, 0.0, np.nan, 0.0, 1.0), "is no Cholesky factor"),
    "another structure": ((1.0, 0.1, 0.0, 1.0, 0.0, 1.0), "no covariance of structure `cs`"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_theta_that_is_no_covariance_of_the_model_is_refused(name: str) -> None:
    theta, words = BROKEN[name]
    with pytest.raises(ModelError, match=words):
        repeated_at(mmrm_spec("cs"), by_visit(), theta)


@pytest.mark.parametrize(("covariance", "r"), [("cs", -0.49), ("cs", 0.999999), ("csh", -0.49)])
def test_correlations_where_no_search_would_start(covariance: Covariance, r: float) -> None:
    frame, sd = by_visit(), np.array([1.0, 1.0, 1.0 if covariance == "cs" else 2.0])
    R = np.outer(sd, sd) * (np.full((3, 3), r) + (1 - r) * np.eye(3))
    theta = np.linalg.cholesky(R).T[np.triu_indices(3)]
    fit = repeated_at(mmrm_spec(covariance), frame, theta.tolist())
    np.testing.assert_allclose(fit.covariance_matrix, R, rtol=1e-9)
    unstructured = repeated_at(mmrm_spec("un"), frame, theta.tolist())
    assert fit.criterion == pytest.approx(unstructured.criterion, rel=1e-9)


def test_the_record_reads_back_as_it_was_written() -> None:
    found = PORT.fit(mmrm_spec(), by_visit())
    assert as_json(estimates_from_json(as_json(found))) == as_json(found)
    assert found.problem is not None
    assert [one.name for one in found.problem.z] == ["id", "week"]
    assert (found.groups, found.reml, found.engine) == ({"id": 36}, True, "port")


def test_a_mixed_model_has_no_covariance_by_visit() -> None:
    spec = mmrm_spec()
    with pytest.raises(ModelError, match="no covariance by visit"):
        repeated_at(type(spec)(spec.formula), by_visit(), (1.0,))
