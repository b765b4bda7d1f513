"""Changes within arms, effect sizes of observed values, responders: asked, or refused by line."""

from __future__ import annotations

import pytest
from scored_study import PLAN as SCORED
from scored_study import write_scored
from small_study import (
    CODEBOOK,
    PLAN,
    changed,
    line_with,
    problems_of,
    the_problem,
    write_study,
)

from harness.data.study import open_study
from harness.models.expand import tasks
from harness.models.observed import ResponderRule
from harness.plan import load_plan

REPORT = "report: [coefficients, random, fit]"
OBSERVED = "report: [d_ppc2, hedges_g, responders]"


def reporting(parts: str, more: str = "", text: str = PLAN) -> str:
    """The plan whose first analysis reports this."""
    return changed(text, REPORT, f"report: [{parts}]" + (f"\n    {more}" if more else ""))


def first_task(folder, plan, codebook=CODEBOOK):
    study = open_study(write_study(folder, plan=plan, codebook=codebook))
    return tasks(study.plan, study.improvements)[0]


def test_responders_go_the_codebooks_way(tmp_path):
    plan = reporting("responders").replace("[bdi, ln_il6]", "[bdi]")
    asked = first_task(tmp_path, plan).spec.besides
    assert asked.observed.responder == ResponderRule(20.0, "lower", "nonresponder", "newcombe")
    assert asked.observed.columns == ("id", "arm", "visit", "bdi")
    assert not asked.of_means
    better = changed(CODEBOOK, "higher is worse", "higher is better")
    asked = first_task(tmp_path / "better", plan, better).spec.besides
    assert asked.observed.responder.direction == "higher"


def test_the_plans_way_wins_and_every_choice_is_read(tmp_path):
    chosen = "{percent: 33.3, direction: higher, missing: exclude, interval: wald}"
    plan = reporting("responders", f"responder: {chosen}\n    arms: [[TAU, New]]")
    asked = first_task(tmp_path, plan).spec.besides
    assert asked.observed.responder == ResponderRule(33.3, "higher", "exclude", "wald")
    assert asked.pairs == ((0, 1),)
    assert asked.as_json()["observed"] == {
        "patient": "id",
        "outcome": "bdi",
        "arm": {"column": "arm", "levels": ["TAU", "New"]},
        "time": {"column": "visit", "levels": ["0", "2"], "numbers": [0.0, 2.0]},
        "responder": {
            "percent": 33.3,
            "direction": "higher",
            "missing": "exclude",
            "interval": "wald",
        },
    }


def test_a_score_goes_its_questionnaires_way(tmp_path):
    study = open_study(write_scored(tmp_path, plan=changed(SCORED, "    sets: [ITT]", SETS)))
    assert study.improvements == {"pss_total": "lower"}
    (task,) = tasks(study.plan, study.improvements)
    assert task.spec.besides.observed.responder.direction == "lower"


def test_nothing_of_it_is_asked_unless_reported(tmp_path):
    assert first_task(tmp_path, PLAN).spec.besides is None
    contrasts = first_task(tmp_path / "contrasts", reporting("contrasts")).spec.besides
    assert contrasts.observed is None
    assert "observed" not in contrasts.as_json()


SETS = "    sets: [ITT]\n    report: [responders]"
OWN = "an arm's own change is no evidence of an effect: report contrasts, too"
ADDED = changed(PLAN, "~ arm * visit + (1", "~ arm + visit + (1")
UNTIMED = changed(PLAN, "~ arm * visit + (1", "~ arm + (1")

MISTAKES = [
    ("changes alone", reporting("changes"), "report[0]", OWN),
    ("changes with sizes", reporting("effect_size, changes"), "report[1]", OWN),
    (
        "no difference of changes",
        reporting("contrasts, changes", text=ADDED),
        "report[1]",
        "no term of `bdi ~ arm + visit + (1 | id)` has both `arm` and `visit`",
    ),
    (
        "no changes in the rows",
        reporting("hedges_g, d_ppc2", text=UNTIMED),
        "report[1]",
        "`bdi ~ arm + (1 | id)` has no `visit`",
    ),
    (
        "rule for nothing",
        reporting("hedges_g", "responder: {percent: 30}"),
        "responder",
        "has no effect: report has no responders",
    ),
    (
        "no percentage",
        reporting("responders", "responder: {percent: 0}"),
        "responder.percent",
        "greater than 0",
    ),
    (
        "unknown rule",
        reporting("responders", "responder: {missing: locf}"),
        "responder.missing",
        "is nonresponder or exclude",
    ),
]


@pytest.mark.parametrize(
    ("plan", "key", "message"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES]
)
def test_each_mistake_is_told_with_its_line(tmp_path, plan, key, message):
    found = problems_of(load_plan, tmp_path, plan=plan)
    problem = the_problem(found, f"analyses[0].{key}", message)
    key_of_line = "    responder:" if key.startswith("responder") else "    report: ["
    assert problem.line == line_with(plan, key_of_line)


def test_an_outcome_of_which_nobody_says_which_way_is_better_is_refused(tmp_path):
    plan = reporting("responders")
    (problem,) = problems_of(open_study, tmp_path, plan=plan)
    assert problem.key == "analyses[0].outcomes[1]"
    assert problem.line == line_with(plan, "    outcomes: [bdi, ln_il6]")
    assert "does not say which way `ln_il6` improves" in problem.message
    assert "`responder: {direction: lower}`" in problem.message
