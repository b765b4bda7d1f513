"""Sets with enough patients, moderators with values, and moderators that are the outcome's baseline."""

# ruff: noqa: E501 - the table of mistakes has one case a line

import pytest
from small_study import CODEBOOK, PLAN, changed, csv_text, line_with, rows, the_problem, write_study
from small_study import problems_of as problems_of_opening

from harness.data.derive import derive
from harness.data.study import open_study
from harness.sets.enough import coupled, sufficient_sets

PP = "arm == 'TAU' or sessions >= 6"
MODERATORS = 'moderators: [il6_0, "body mass"]'


def sets_of(path):
    study = open_study(path)
    return sufficient_sets(study, derive(study))


def data(change):
    table = rows()
    for row in table:
        change(row)
    return csv_text(table)


def one_value(row):
    row["body mass"] = "25"


def outcome_of_two(row):
    """The outcome is there for three patients: two of TAU, one of New."""
    if row["id"] not in ("p0", "p1", "p2"):
        row["bdi"] = ""


def no_symptoms(row):
    row["bdi"] = "0" if (row["id"], row["visit"]) == ("p0", "2") else row["bdi"]


def no_outcome_in_pp(row):
    row["il6"] = "" if row["arm"] == "TAU" or int(row["sessions"]) >= 6 else row["il6"]


MISTAKES = [
    # id, plan, data, where the message stands, key, message
    ("nobody", changed(PLAN, PP, "sessions > 99"), rows, "sessions > 99", "sets.PP", "`sessions > 99` holds for no row: the set is empty"),
    ("one patient", changed(PLAN, PP, "arm == 'TAU' or sessions >= 8"), rows, "sets: [ITT, PP]", "analyses[0].sets[1]", "the set `PP` has one patient of arm New, an arm needs more, for `bdi ~ arm * visit + (1 | id)` (and of 1 other model)"),
    ("one patient with the outcome", PLAN, outcome_of_two, "sets: [ITT, PP]", "analyses[0].sets[0]", "the set `ITT` has one patient of arm New"),
    ("one value", PLAN, one_value, MODERATORS, "analyses[1].moderators[1]", "is 25.0 throughout the set `ITT`: one value moderates nothing"),
    ("no logarithm", changed(PLAN, "    reml: true\n", "    reml: true\n    scales: [raw, log]\n"), no_symptoms, "scales: [raw, log]", "analyses[0].scales[1]", "log: `bdi` is 0 in the set `ITT`, for `bdi ~ arm * visit + (1 | id)`"),
    ("no whole row", PLAN, no_outcome_in_pp, "sets: [ITT, PP]", "analyses[0].sets[1]", "the set `PP` has no row with every value, for `ln_il6 ~ arm * visit + (1 | id)`"),
]  # fmt: skip


@pytest.mark.parametrize(("plan", "change", "place", "key", "message"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])  # fmt: skip
def test_what_is_not_enough_is_told_with_its_line(tmp_path, plan, change, place, key, message):
    text = None if change is rows else data(change)
    found = problems_of_opening(sets_of, tmp_path, plan=plan, data=text)
    assert the_problem(found, key, message).line == line_with(plan, place)


def test_the_same_of_many_models_is_one_line(tmp_path):
    plan = changed(PLAN, PP, "arm == 'TAU' or sessions >= 8")
    found = problems_of_opening(sets_of, tmp_path, plan=plan)
    assert sorted(p.key for p in found) == ["analyses[0].sets[1]", "analyses[2].sets[0]"]


def test_two_patients_an_arm_and_two_values_are_enough(tmp_path):
    assert list(sets_of(write_study(tmp_path))) == ["ITT", "PP"]
    study = open_study(write_study(tmp_path))
    assert coupled(study.plan, derive(study)) == ()


@pytest.mark.parametrize("week", ["visit,factor,0;2", "visit,number,"], ids=["factor", "number"])
def test_a_moderator_that_is_the_outcomes_own_baseline_is_told(tmp_path, week):
    plan = changed(
        PLAN, '  gain: "change(bdi)"\n', '  gain: "change(bdi)"\n  bdi_0: "baseline(bdi)"\n'
    )
    plan = changed(plan, MODERATORS, "moderators: [il6_0, bdi_0]")
    codebook = CODEBOOK.replace("visit,factor,0;2", week)
    study = open_study(write_study(tmp_path, plan=plan, codebook=codebook))
    (line,) = coupled(study.plan, derive(study))
    assert line.startswith("moderation: `bdi_0` is the baseline of `bdi` itself")
    assert "regression to the mean" in line
    assert "\n" not in line


def test_a_baseline_on_another_scale_is_not(tmp_path):
    plan = changed(
        PLAN, '  gain: "change(bdi)"\n', '  gain: "change(bdi)"\n  bdi_0: "baseline(bdi) + 1"\n'
    )
    plan = changed(plan, MODERATORS, "moderators: [bdi_0]")
    study = open_study(write_study(tmp_path, plan=plan))
    assert coupled(study.plan, derive(study)) == ()
