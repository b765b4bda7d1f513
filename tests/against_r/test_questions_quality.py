"""Which answers may be held against another implementation, and which say that they may not."""

from __future__ import annotations

import pytest
from question_cases import BY_VISIT, RECIPES, cake, patients
from r_examples import SLEEP, classic, sleepstudy, spec, trial

from harness.engines.r.engine import RLiveEngine


def test_a_fit_that_is_not_clean_taints_every_answer_on_it(lme4: RLiveEngine) -> None:
    """An outcome in a unit of 1e-7 spoils lmerTest's derivatives: nothing on the model is clean."""
    frame = cake().assign(angle=lambda d: d["angle"] * 1e-9)
    for question, arguments in (("emmeans", {"specs": ["recipe"]}), ("anova", {})):
        answer = lme4.ask(question, spec(RECIPES), frame, **arguments)
        assert answer["quality"]["clean"] is False
        assert any("numeric derivatives" in reason for reason in answer["quality"]["reasons"])


def test_one_model_that_is_not_clean_taints_a_comparison_and_is_named(lme4: RLiveEngine) -> None:
    frame = trial(1, slope_sd=0.6)
    frame["dose"] = frame["y"].rank() * 1e7 + frame["week"]  # "very different scales"
    answer = lme4.ask(
        "likelihood_ratio",
        spec("y ~ week + (1 | id)"),
        frame,
        others=[spec("y ~ week + dose + (1 | id)")],
    )
    assert [row["clean"] for row in answer["rows"]] == [True, False]
    assert answer["quality"]["clean"] is False
    assert all("dose" in reason for reason in answer["quality"]["reasons"])


def test_an_answer_at_a_given_theta_says_that_nothing_was_optimised(lme4: RLiveEngine) -> None:
    away = lme4.ask("intermediates", spec(SLEEP), sleepstudy(), theta=[1.0, 0.0, 1.0])
    assert away["model"]["optimised"] is False
    assert away["quality"]["optimizers"] == ["theta given"]
    assert away["model"]["theta"] == [1.0, 0.0, 1.0]
    assert away["model"]["criterion"] == lme4.criterion_at(
        spec(SLEEP), sleepstudy(), [1.0, 0.0, 1.0]
    )
    assert lme4.ask("intermediates", spec(SLEEP), sleepstudy())["model"]["optimised"] is True


def test_a_boundary_is_marked_in_every_answer(lme4: RLiveEngine) -> None:
    frame = classic("Dyestuff2", "Batch")
    answer = lme4.ask("emmeans", spec("Yield ~ 1 + (1 | Batch)"), frame, specs=[])
    assert answer["model"]["singular"] is True
    assert answer["quality"]["clean"] is True
    assert answer["messages"] == ["boundary (singular) fit: see help('isSingular')"]


def test_where_one_of_nlmes_optimisers_fails_another_start_takes_its_place(
    lme4: RLiveEngine,
) -> None:
    """corAR1 with missing visits is nlme's corARMA, which optim steers out of what is possible."""
    asked = {**BY_VISIT, "covariance": "ar1h"}
    answer = lme4.ask("gls", spec("y ~ arm * visit"), patients(), **asked)
    assert any("optim failed" in message for message in answer["messages"])
    assert answer["quality"]["optimizers"] == ["nlminb", "nlminb from elsewhere"]
    assert answer["quality"]["criterion_gap"] <= 1e-7
    assert answer["quality"]["clean"] is True


def test_glmmtmb_on_the_boundary_is_not_clean(lme4: RLiveEngine) -> None:
    """It works on the log of a standard deviation, which has no place for zero."""
    frame = classic("Dyestuff2", "Batch")
    answer = lme4.ask("glmmtmb", spec("Yield ~ 1 + (1 | Batch)"), frame)
    assert answer["quality"]["clean"] is False
    assert answer["quality"]["reasons"]
    assert any("a variance at zero" in reason for reason in answer["quality"]["reasons"])


def test_a_profile_is_of_the_likelihood_whatever_the_model_was_asked_by(lme4: RLiveEngine) -> None:
    model = spec("Reaction ~ Days + (1 | Subject)", reml=True)
    answer = lme4.ask("profile", model, sleepstudy(), lme4=False, which=["sigma"])
    assert answer["model"]["reml"] is False
    row = answer["rows"][0]
    assert row["clean"] is True
    assert max(abs(row["excess_low"]), abs(row["excess_high"])) < 1e-7
    assert row["lme4_low"] is None


@pytest.mark.parametrize("weights", ["", "w"], ids=["plain", "weighted"])
def test_kenward_roger_with_weights_is_not_clean_in_any_answer(
    lme4: RLiveEngine, weights: str
) -> None:
    model = spec("y ~ arm * week + (1 | id)", df_method="kenward-roger", weights=weights)
    for question, asked in (("emmeans", {"specs": ["arm"]}), ("kenward_roger", {})):
        quality = lme4.ask(question, model, patients(), **asked)["quality"]
        assert quality["clean"] is not bool(weights)


def test_the_cake_is_clean(lme4: RLiveEngine) -> None:
    assert lme4.ask("anova", spec(RECIPES), cake())["quality"]["clean"] is True
