"""What an answer to a model by visit was made from, where not from what was asked."""

from __future__ import annotations

from dataclasses import replace

import pytest
from visits import by_visit, mmrm_spec

from harness.compare.causes import Asked, find_cause
from harness.engines.port.engine import PortEngine
from harness.models.spec import ModelSpec

PORT = PortEngine()
CHANGED: dict[str, tuple[ModelSpec, str]] = {
    "ml": (mmrm_spec(reml=False), "fitted by ML, not REML"),
    "covariance": (mmrm_spec("cs"), "took the covariance cs by `week`"),
    "independent": (mmrm_spec("id"), "took the covariance id by `week`"),
    "residual": (mmrm_spec(df_method="residual"), "took the residual degrees of freedom"),
    "level": (replace(mmrm_spec(), conf_level=0.9), "gave intervals of level 0.9, not 0.95"),
}


@pytest.mark.parametrize("name", CHANGED)
def test_the_change_is_found(name: str) -> None:
    frame, spec = by_visit(), mmrm_spec()
    changed, words = CHANGED[name]
    off = replace(PORT.fit(changed, frame), df_method=spec.df_method)
    (cause,) = find_cause(Asked(spec, frame, "id", "week"), PORT.fit(spec, frame), off)
    assert (cause.side, cause.words) == ("r", words)


def test_a_search_that_stopped_early_is_followed_from_where_it_ended() -> None:
    frame, spec = by_visit(), mmrm_spec()
    found = PORT.fit(spec, frame)
    off = PORT.at(spec, frame, tuple(1.001 * value for value in found.theta))
    (cause,) = find_cause(Asked(spec, frame, "id", "week"), found, replace(off, converged=True))
    assert cause.kind == "optimum"


def test_nothing_is_made_up_where_both_are_right() -> None:
    frame, spec = by_visit(), mmrm_spec()
    assert find_cause(Asked(spec, frame), PORT.fit(spec, frame), PORT.fit(spec, frame)) == ()
