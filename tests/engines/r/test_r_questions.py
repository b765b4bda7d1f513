"""Questions as requests, without R: what is sent, which columns go along, what is refused here."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from r_examples import SLEEP, sleepstudy, spec

from harness.engines.r.questions import QUESTIONS, question_columns, question_request
from harness.engines.r.scripts import scripts_folder
from harness.errors import ModelError


def test_python_knows_every_question_of_r() -> None:
    text = (scripts_folder() / "answer.R").read_text(encoding="utf-8")
    table = text[text.index("questions <- list(") : text.index("ask <- function(request)")]
    known = set(re.findall(r"^  (\w+) = list\(takes", table, re.MULTILINE))
    assert known == {*QUESTIONS, "lmer", "lm", "mmrm", "survreg", "criterion"}


def test_arguments_go_over_as_plain_values() -> None:
    asked = {
        "at": {"Days": np.array([0.0, 0.1])},
        "specs": ("Days",),
        "by": None,
        "ref": np.int64(2),
        "p": pd.Series([0.5, np.nan]),
        "flag": np.True_,
    }
    request = question_request("emmeans", spec(SLEEP), asked)
    assert request["at"] == {"Days": [0.0, 0.1]}
    assert request["specs"] == ["Days"]
    assert request["ref"] == 2
    assert request["p"] == [0.5, None]
    assert request["flag"] is True
    assert "by" not in request
    json.dumps(request, allow_nan=False)


def test_new_data_go_over_as_columns() -> None:
    new = sleepstudy().iloc[[0, 11]].drop(columns="Reaction")
    request = question_request("predict", spec(SLEEP), {"newdata": new})
    days, subject = request["newdata"]
    assert (days["name"], days["values"]) == ("Days", [0, 1])
    assert (subject["type"], subject["values"]) == ("factor", [1, 2])
    assert len(subject["levels"]) == 18


@pytest.mark.parametrize(
    ("question", "keys"),
    [
        ("emmeans", {"formula", "reml", "df_method", "conf_level", "weights", "offset"}),
        ("profile", {"formula", "conf_level", "weights", "offset"}),
        ("random_terms", {"formula", "reml", "weights", "offset"}),
        ("likelihood_ratio", {"formulas", "weights", "offset"}),
    ],
)
def test_a_question_gets_what_it_takes_of_the_model(question: str, keys: set[str]) -> None:
    model = spec(SLEEP, weights="Days", offset="Days")
    assert set(question_request(question, model, {})) == {"question", *keys}


def test_a_linear_model_is_asked_by_its_residual_df() -> None:
    assert question_request("anova", spec("y ~ x"), {})["df_method"] == "residual"
    assert question_request("anova", spec("y ~ x", df_method="z"), {})["df_method"] == "z"


def test_columns_of_models_and_of_arguments_each_once() -> None:
    frame = pd.DataFrame(columns=["y", "a", "m", "g", "w"])
    model = spec("y ~ a + (1 | g)", weights="w")
    others = {"others": [spec("y ~ a * m + (1 | g)")]}
    assert question_columns("likelihood_ratio", model, frame, others) == ("y", "a", "g", "w", "m")
    asked: dict[str, Any] = {"moderator": "m", "per": "g", "effect": "a"}
    assert question_columns("moderation", model, frame, asked) == ("y", "a", "g", "w", "m")
    asked["moderator"] = "center(m)"  # a column of X
    assert question_columns("moderation", model, frame, asked) == ("y", "a", "g", "w")
    assert question_columns("adjust", None, None, {"p_values": [0.1]}) == ()


REFUSED: dict[str, tuple[str, Any, dict[str, Any], str]] = {
    "unknown": ("fortune", spec(SLEEP), {}, "unknown question `fortune`; one of: intermediates"),
    "no-model": ("emmeans", None, {}, "`emmeans` is asked of a model"),
    "model": ("adjust", spec(SLEEP), {}, "leave the specification out"),
    "weights": ("gls", spec("y ~ x", weights="w"), {}, "`gls` takes no weights, which `y ~ x` has"),
    "tmb-weights": ("glmmtmb", spec(SLEEP, weights="w"), {}, "`glmmtmb` takes no weights"),
    "infinite": ("adjust", None, {"p_values": [np.inf]}, "`p_values` holds an infinite number"),
    "set": ("emmeans", spec(SLEEP), {"specs": {"Days"}}, "`specs` is a set"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_asked_is_refused(name: str) -> None:
    question, model, arguments, reason = REFUSED[name]
    with pytest.raises(ModelError, match=reason):
        question_request(question, model, arguments)
