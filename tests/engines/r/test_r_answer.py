"""JSON becomes Estimates again, or is refused with the place that is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from r_examples import SLEEP, sleepstudy, spec

from harness.engines.port.engine import PortEngine
from harness.engines.r.answer import AnswerError, estimates_from_json
from harness.models.record import Reported, as_json


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    fit = PortEngine().fit(spec(SLEEP), sleepstudy())
    places = PortEngine().evaluated_at(spec(SLEEP), sleepstudy(), [fit.theta, (1.0, 0.0, 1.0)])
    printed = Reported(("said",), fit.fixed, fit.random, fit.fit.criterion, fit.theta)
    return as_json(replace(fit, elsewhere=places, reported=printed))


def test_round_trip_is_bit_exact(answer: dict[str, Any]) -> None:
    text = json.dumps(answer, allow_nan=False)
    assert json.dumps(as_json(estimates_from_json(json.loads(text)))) == json.dumps(answer)


def test_infinite_degrees_of_freedom_come_back(answer: dict[str, Any]) -> None:
    answer = json.loads(json.dumps(answer))
    answer["fixed"][0]["df"] = "Inf"
    assert estimates_from_json(answer).fixed[0].df == float("inf")


@pytest.mark.parametrize("field", ["fixed", "fit", "reml", "n_obs", "groups", "messages"])
def test_a_missing_field_is_named(answer: dict[str, Any], field: str) -> None:
    with pytest.raises(AnswerError, match=f"answer.{field}: is missing"):
        estimates_from_json({k: v for k, v in answer.items() if k != field})


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("n_obs",), "180", 'answer.n_obs: must be a whole number, not "180"'),
        (("n_obs",), True, "answer.n_obs: must be a whole number, not true"),
        (("n_obs",), -180, "answer.n_obs: must be a whole number, not -180"),
        (("singular",), 0, "answer.singular: must be true or false, not 0"),
        (("fixed", 1, "estimate"), "10.4", r'answer.fixed\[1\].estimate: must be .*, not "10.4"'),
        (("fixed", 1, "estimate"), False, r"answer.fixed\[1\].estimate: must be .*, not false"),
        (("fixed",), {}, "answer.fixed: must be an array, not {}"),
        (("groups",), [], r"answer.groups: must be an object, not \[\]"),
        (("fit",), 1.0, r"answer.fit: must be an object, not 1\.0"),
        (("surprise",), 1.0, "answer.surprise: is not a key here"),
        (("fixed", 1, "term"), "(Intercept)", r"answer.fixed\[1\].term: `\(Intercept\)` is given"),
        (("random", 0, "term"), "var(Subject:Days)", r"answer.random\[0\].term: random term `var"),
        (("random", 1, "term"), "sigma", r"answer.random\[3\].term: `sigma` is given twice"),
        (("elsewhere", 0, "theta"), 1.0, r"answer.elsewhere\[0\].theta: must be an array, not 1"),
        (
            ("elsewhere", 1, "coefficients", 0, "std_error"),
            "1",
            r"\[0\].std_error: must",
        ),
        (("reported", "fixed", 1, "term"), "(Intercept)", r"reported.fixed\[1\].term: `.Inter"),
        (
            ("reported", "random", 0, "term"),
            "x",
            r"reported.random\[0\].term: random term",
        ),
    ],
)
def test_a_wrong_type_is_placed(
    answer: dict[str, Any], path: tuple[Any, ...], value: Any, complaint: str
) -> None:
    broken = json.loads(json.dumps(answer))
    at = broken
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    with pytest.raises(AnswerError, match=complaint):
        estimates_from_json(broken)


def test_a_default_fit_that_was_refused_has_only_words(answer: dict[str, Any]) -> None:
    refused = {**answer, "reported": {"messages": ["no"]}}
    found = estimates_from_json(refused).reported
    assert found is not None
    assert (found.messages, found.fixed, found.random) == (("no",), (), ())
