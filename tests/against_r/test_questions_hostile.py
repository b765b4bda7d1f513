"""Arguments that are wrong, or that would run: each is refused in one line, and nothing runs."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from question_cases import BY_VISIT, CASES, change, patients
from r_examples import SLEEP, sleepstudy, spec

from harness.engines.r.engine import RLiveEngine
from harness.errors import DataError, ModelError

WEEKS = "y ~ arm * week + (1 | id)"
CODE = "system('touch sprung')"

WRONG: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "unknown-argument": ("emmeans", WEEKS, {"spec": ["arm"]}, "`emmeans` takes no `spec`"),
    "specs-code": ("emmeans", WEEKS, {"specs": [CODE]}, "specs: no variable `system"),
    "specs-response": ("emmeans", WEEKS, {"specs": ["y"]}, "specs: no variable `y`"),
    "specs-group": ("emmeans", WEEKS, {"specs": ["id"]}, "specs: no variable `id` in the fixed"),
    "specs-not-text": ("emmeans", WEEKS, {"specs": [1]}, "`specs` is not a text"),
    "specs-nested": ("emmeans", WEEKS, {"specs": [["arm"]]}, "`specs` is not a text"),
    "specs-object": ("emmeans", WEEKS, {"specs": {"a": "arm"}}, "`specs` is not a list of texts"),
    "twice": ("emmeans", WEEKS, {"specs": ["arm"], "by": ["arm"]}, "stands twice"),
    "by-formula": (
        "emmeans",
        WEEKS,
        {"specs": ["arm"], "by": ["~ arm"]},
        "by: no variable `~ arm`",
    ),
    "at-level": ("emmeans", WEEKS, {"specs": ["arm"], "at": {"arm": ["C"]}}, "no level `C`"),
    "at-text": (
        "emmeans",
        WEEKS,
        {"specs": ["arm"], "at": {"week": [CODE]}},
        "needs finite numbers",
    ),
    "at-mixed": (
        "emmeans",
        WEEKS,
        {"specs": ["arm"], "at": {"week": [1, "2"]}},
        "not a finite number",
    ),
    "at-unknown": ("emmeans", WEEKS, {"specs": ["arm"], "at": {"q": [1]}}, "at: no variable `q`"),
    "at-array": ("emmeans", WEEKS, {"specs": ["arm"], "at": [1]}, "`at` is not an object"),
    "weights": ("emmeans", WEEKS, {"specs": ["arm"], "mean_weights": CODE}, "unknown weights"),
    "contrast": ("emmeans", WEEKS, {"specs": ["arm"], "contrast": CODE}, "unknown contrast"),
    "contrast-length": (
        "emmeans",
        WEEKS,
        {"specs": ["arm"], "contrast": {"a": [1, -1, 0]}},
        "R refuses",
    ),
    "contrast-text": (
        "emmeans",
        WEEKS,
        {"specs": ["arm"], "contrast": {"a": ["x", "y"]}},
        "not a finite number",
    ),
    "contrast-both": (
        "emmeans",
        WEEKS,
        {"specs": ["arm"], "contrast": "pairwise", "interaction": ["poly"]},
        "either contrast or interaction",
    ),
    "interaction": (
        "emmeans",
        WEEKS,
        {"specs": ["arm"], "interaction": [CODE]},
        "unknown contrast",
    ),
    "ref": (
        "emmeans",
        WEEKS,
        {"specs": ["arm"], "contrast": "trt.vs.ctrl", "ref": "C"},
        "`ref` is none",
    ),
    "ref-number": (
        "emmeans",
        WEEKS,
        {"specs": ["arm"], "contrast": "trt.vs.ctrl", "ref": 3},
        "`ref` is none",
    ),
    "adjust": ("emmeans", WEEKS, {"specs": ["arm"], "adjust": CODE}, "unknown adjustment"),
    "var-factor": ("emmeans", WEEKS, {"specs": [], "var": "arm"}, "which is no number"),
    "var-code": ("emmeans", WEEKS, {"specs": [], "var": CODE}, "var: no variable `system"),
    "type": ("anova", WEEKS, {"type": 4}, "`type` is not from 1 to 3"),
    "type-text": ("anova", WEEKS, {"type": "3"}, "`type` is not a finite number"),
    "theta": ("anova", WEEKS, {"theta": [1.0, 2.0]}, "theta has 2 elements"),
    "theta-negative": ("anova", WEEKS, {"theta": [-1.0]}, "negative diagonal"),
    "one-model": ("likelihood_ratio", WEEKS, {}, "needs two models or more"),
    "which": ("profile", WEEKS, {"which": ["sd(x)"]}, r"no parameter `sd\(x\)`"),
    "linear-profile": ("profile", "y ~ arm", {}, "profile intervals are of mixed models"),
    "linear-random": ("random_terms", "y ~ arm", {}, "no random terms"),
    "random": ("predict", WEEKS, {"random": 1}, "`random` is not true or false"),
    "alpha": ("moderation", WEEKS, {"effect": "armB", "moderator": "week", "alpha": 1}, "`alpha`"),
    "effect": ("moderation", WEEKS, {"effect": 3, "moderator": "week"}, "`effect` is not a text"),
    "values": (
        "moderation",
        WEEKS,
        {"effect": "armB", "moderator": "week", "values": ["a"]},
        "`values`",
    ),
    "sd": (
        "effect_size",
        WEEKS,
        {"of": {"d": [0, 1, 0, 0]}, "by_sd": "given", "sd": -1},
        "positive",
    ),
    "sd-name": (
        "effect_size",
        WEEKS,
        {"of": {"d": [0, 1, 0, 0]}, "by_sd": CODE},
        "`by_sd` is `sys",
    ),
    "of-length": (
        "effect_size",
        WEEKS,
        {"of": {"d": [1]}, "by_sd": "residual"},
        "has 1 coefficients",
    ),
    "of-missing": ("effect_size", WEEKS, {"by_sd": "residual"}, "need a name each"),
    "baseline": (
        "effect_size",
        WEEKS,
        {"of": {"d": [0, 1, 0, 0]}, "by_sd": "baseline"},
        "`baseline` and `arm`",
    ),
    "hypothesis": ("kenward_roger", WEEKS, {"hypotheses": [[[1, 2]]]}, "has 2 coefficients"),
    "covariance": ("gls", "y ~ arm", {**BY_VISIT, "covariance": CODE}, "`covariance` is `system"),
    "gls-at": (
        "gls",
        "y ~ arm",
        {**BY_VISIT, "covariance": "un", "at": [[1]]},
        "no symmetric matrix",
    ),
    "gls-subject": (
        "gls",
        "y ~ arm",
        {"visit": "visit", "covariance": "un"},
        "`subject` is not a text",
    ),
    "tmb-both": ("glmmtmb", WEEKS, {**BY_VISIT, "covariance": "un"}, "not both"),
    "tmb-none": ("glmmtmb", "y ~ arm", {}, "no random terms"),
    "tmb-structure": ("glmmtmb", "y ~ arm", {**BY_VISIT, "covariance": "ar1h"}, "`covariance` is"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_argument_is_refused_in_one_line(lme4: RLiveEngine, name: str) -> None:
    question, formula, arguments, reason = WRONG[name]
    method: Any = "kenward-roger" if question == "kenward_roger" else "satterthwaite"
    with pytest.raises(ModelError, match=reason) as refusal:
        lme4.ask(question, spec(formula, df_method=method), patients(), **arguments)
    assert "\n" not in str(refusal.value)


HOSTILE_NAMES = {"half": "g) + system('touch {trap}", "whole": "system('touch {trap}')"}


def renamed(value: Any, old: str, new: str) -> Any:
    """An argument with one column called otherwise."""
    if isinstance(value, list):
        return [renamed(item, old, new) for item in value]
    return new if isinstance(value, str) and value == old else value


@pytest.mark.parametrize("spelt", HOSTILE_NAMES)
@pytest.mark.parametrize("name", [n for n, case in CASES.items() if case.model is not None])
def test_a_column_named_like_code_runs_nowhere(
    lme4: RLiveEngine, tmp_path: Path, name: str, spelt: str
) -> None:
    """Each question takes the column as a name, or is refused where a package parses it."""
    case = CASES[name]
    assert case.model is not None
    assert case.frame is not None
    trap = tmp_path / "sprung"
    for target in sorted(set(case.model.formula.columns)):
        hostile = HOSTILE_NAMES[spelt].format(trap=trap)
        frame = case.frame.rename(columns={target: hostile})
        formula = f" {case.model.formula.text} ".replace(f" {target} ", f" `{hostile}` ")
        formula = formula.replace(f"({target} ", f"(`{hostile}` ").replace(
            f" {target})", f" `{hostile}`)"
        )
        arguments = {k: renamed(v, target, hostile) for k, v in case.arguments.items()}
        arguments.pop("others", None)
        if case.question == "likelihood_ratio":
            arguments["others"] = [spec(formula.strip())]
        if case.question == "predict":
            arguments["newdata"] = frame.iloc[:2]
        model = spec(formula.strip(), df_method=case.model.df_method, reml=case.model.reml)
        with suppress(ModelError):
            lme4.ask(case.question, model, frame, **arguments)
        assert not trap.exists(), f"{name}, {target}"


@pytest.mark.parametrize("question", ["emmeans", "anova", "gls", "glmmtmb"])
def test_what_parses_names_wants_plain_ones_and_says_which(
    lme4: RLiveEngine, question: str
) -> None:
    frame = change().rename(columns={"base": "base score"})
    arguments = {"specs": ["arm"]} if question == "emmeans" else {}
    formula = "y ~ arm + `base score`"
    if question in ("gls", "glmmtmb"):
        arguments = {"subject": "id", "visit": "visit", "covariance": "un"}
    else:
        formula += " + (1 | dose)"
    with pytest.raises(ModelError, match="`base score` is no name that R reads without back-ticks"):
        lme4.ask(question, spec(formula), frame, **arguments)


def test_a_visit_twice_is_named(lme4: RLiveEngine) -> None:
    frame = pd.concat([patients(), patients().iloc[[5]]])
    with pytest.raises(ModelError, match=r"`id` p001 has visit w\d+ twice"):
        lme4.ask("gls", spec("y ~ arm"), frame, covariance="un", **BY_VISIT)


def test_python_refuses_what_cannot_be_asked(lme4: RLiveEngine) -> None:
    with pytest.raises(ModelError, match="unknown question `fortune`; one of: intermediates"):
        lme4.ask("fortune", spec(SLEEP), sleepstudy())
    with pytest.raises(ModelError, match="give its specification"):
        lme4.ask("emmeans", None, sleepstudy())
    with pytest.raises(ModelError, match="leave the specification out"):
        lme4.ask("adjust", spec(SLEEP), sleepstudy(), p_values=[0.1], method="holm")
    with pytest.raises(ModelError, match="`gls` takes no weights"):
        lme4.ask("gls", spec("y ~ arm", weights="w"), patients(), covariance="un", **BY_VISIT)
    with pytest.raises(ModelError, match="needs data"):
        lme4.ask("emmeans", spec(SLEEP))
    with pytest.raises(ModelError, match="infinite"):
        lme4.ask("adjust", p_values=[float("inf")], method="holm")
    with pytest.raises(ModelError, match="is a set"):
        lme4.ask("emmeans", spec(SLEEP), sleepstudy(), specs={"Days"})
    with pytest.raises(DataError, match="no column `nowhere`"):
        lme4.ask(
            "effect_size", spec(SLEEP), sleepstudy(), of={}, by_sd="baseline", baseline="nowhere"
        )


@pytest.mark.parametrize(
    "p", [[-0.1], [1.1], ["0.5"], []], ids=["negative", "large", "text", "none"]
)
def test_p_values_are_probabilities(lme4: RLiveEngine, p: list[Any]) -> None:
    with pytest.raises(ModelError, match="p_values"):
        lme4.ask("adjust", p_values=p, method="holm")


def test_fewer_p_values_than_given_are_refused(lme4: RLiveEngine) -> None:
    with pytest.raises(ModelError, match="n is 1, less than the 2 p values"):
        lme4.ask("adjust", p_values=[0.1, 0.2], method="holm", n=1)


@pytest.mark.parametrize("compare", [["A"], ["A", "A"], ["A", "C"]], ids=["one", "same", "unknown"])
def test_hedges_g_compares_two_groups(lme4: RLiveEngine, compare: list[str]) -> None:
    with pytest.raises(ModelError, match="group"):
        lme4.ask("hedges_g", None, change(), outcome="y", arm="arm", compare=compare)
