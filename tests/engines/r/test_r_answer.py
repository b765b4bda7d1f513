"""JSON becomes Estimates again, or is refused with the place that is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from r_examples import SLEEP, sleepstudy, spec

from harness.engines.port.engine import PortEngine
from harness.engines.r.answer import AnswerError, estimates_from_json
from harness.models.record import as_json


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    return as_json(PortEngine().fit(spec(SLEEP), sleepstudy()))


def test_round_trip_is_bit_exact(answer: dict[str, Any]) -> None:
    text = json.dumps(answer, allow_nan=False)
    assert json.dumps(as_json(estimates_from_json(json.loads(text)))) == json.dumps(answer)


def test_infinite_degrees_of_freedom_come_back(answer: dict[str, Any]) -> None:
    answer = json.loads(json.dumps(answer))
    answer["fixed"][0]["df"] = "Inf"
    assert estimates_from_json(answer).fixed[0].df == float("inf")


@pytest.mark.parametrize("field", ["fixed", "fit", "reml", "n_obs", "groups", "messages"])
def test_a_missing_field_is_named(answer: dict[str, Any], field: str) -> None:
    with pytest.raises(AnswerError, match=f"lacks the field {field}"):
        estimates_from_json({k: v for k, v in answer.items() if k != field})


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("n_obs",), "180", "answer.n_obs is '180'"),
        (("n_obs",), True, "answer.n_obs is True"),
        (("singular",), 0, "answer.singular is 0"),
        (("fixed", 1, "estimate"), "10.4", r"answer.fixed\[1\].estimate is '10.4'"),
        (("fixed", 1, "estimate"), False, r"answer.fixed\[1\].estimate is False"),
        (("fixed",), {}, "answer.fixed is not an array"),
        (("groups",), [], "answer.groups is not an object"),
        (("fit",), 1.0, "answer.fit is not an object"),
        (("surprise",), 1.0, "unknown field surprise"),
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
