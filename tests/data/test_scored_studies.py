"""Questionnaires on data: held to the codebook, scored, added where the file has no score."""

from pathlib import Path

import numpy as np
import pytest
from scored_study import ANSWERS, CODEBOOK, ITEMS, PLAN, STORED, TOTALS, data, write_scored
from small_study import changed, line_with, the_problem

from harness.data import derive, open_study
from harness.data.scores import add_scores
from harness.errors import PlanError

MBSR = Path(__file__).resolve().parents[2] / "fixtures" / "mbsr" / "plan.yaml"


def problems(folder, **files):
    with pytest.raises(PlanError) as caught:
        open_study(write_scored(folder, **files))
    return caught.value.problems


def test_a_score_the_file_lacks_is_a_column_before_derive(tmp_path):
    study = open_study(write_scored(tmp_path))
    assert "pss_total" not in study.frame
    frame = derive(study)
    assert frame["pss_total"].tolist() == TOTALS
    assert frame["stress_0"].tolist() == [16, 16, 0, 0, 1, 1, 30, 30]
    (one,) = study.scores
    assert (one.stored, one.added) == ((), ("total",))
    assert add_scores(study.frame, study.scores) is not study.frame


def test_a_score_the_file_has_stays_the_files(tmp_path):
    stored = [str(total) for total in TOTALS]
    stored[3] = "21"
    study = open_study(write_scored(tmp_path, codebook=CODEBOOK + STORED, text=data(stored)))
    (one,) = study.scores
    assert (one.stored, one.added) == (("total",), ())
    assert derive(study)["pss_total"].tolist() == [*TOTALS[:3], 21, *TOTALS[4:]]
    assert one.scores.values["total"].tolist() == TOTALS


def test_missing_answers_follow_the_plans_rule(tmp_path):
    answers = [ANSWERS[0].replace("0", ".", 1), *ANSWERS[1:]]
    refused = open_study(write_scored(tmp_path / "a", text=data(answers=answers)))
    assert np.isnan(derive(refused)["pss_total"][0])
    plan = changed(PLAN, "width: 2}", "width: 2}, missing: one")
    prorated = open_study(write_scored(tmp_path / "b", plan=plan, text=data(answers=answers)))
    assert derive(prorated)["pss_total"][0] == 160 / 9
    assert prorated.scores[0].scores.missing["total"].tolist() == [1, 0, 0, 0, 0, 0, 0, 0]


def test_recoded_answers_are_taken_as_they_are(tmp_path):
    plan = changed(PLAN, "width: 2}", "width: 2}, recoded: true")
    frame = derive(open_study(write_scored(tmp_path, plan=plan)))
    assert frame["pss_total"].tolist() == [sum(map(int, row.split())) for row in ANSWERS]


LINE = line_with(PLAN, "  pss:")


def test_absent_columns_are_one_problem_and_hide_their_consequences(tmp_path):
    found = problems(tmp_path, plan=changed(PLAN, "prefix: q,", "prefix: p,"))
    assert [(p.key, p.line) for p in found] == [("scores.pss.items", LINE)]
    assert "no column `p01` and 9 more for PSS-10" in found[0].message


def test_a_broken_entry_hides_its_consequences(tmp_path):
    for old, new in (("PSS-10", "PSS-11"), ("width: 2}", "width: 2}, missing: zero")):
        found = problems(tmp_path, plan=changed(PLAN, old, new))
        assert len(found) == 1, found
        assert found[0].line == LINE


def test_answers_coded_otherwise_than_the_questionnaire_are_refused(tmp_path):
    """One to five where PSS-10 has nought to four: the classic slip, seen before any sum."""
    found = problems(tmp_path, codebook=CODEBOOK.replace(",0,4,", ",1,5,"))
    problem = the_problem(found, "scores.pss.items", "`q01` has 1 and 5 as an end of its range")
    assert "run from 0 to 4" in problem.message
    assert len(found) == 1


def test_answers_that_are_no_numbers_are_refused(tmp_path):
    codebook = changed(CODEBOOK, "q03,integer,,,0,4", "q03,text,,,,")
    assert the_problem(problems(tmp_path, codebook=codebook), "scores.pss.items", "of type text")


def test_a_column_by_name_is_found_at_its_place(tmp_path):
    columns = ", ".join([*ITEMS[:9], "q11"])
    plan = changed(PLAN, "prefix: q, width: 2", f"columns: [{columns}]")
    assert the_problem(problems(tmp_path, plan=plan), "scores.pss.items", "no column `q11` for")


def test_a_direction_the_codebook_contradicts_is_refused(tmp_path):
    stored = [str(total) for total in TOTALS]
    codebook = CODEBOOK + STORED.replace("worse", "better")
    found = problems(tmp_path, codebook=codebook, text=data(stored))
    assert "(line 15), PSS-10 higher is worse" in the_problem(found, "scores.pss", "").message


def test_a_score_under_another_case_is_not_added_beside_it(tmp_path):
    text = data([str(t) for t in TOTALS]).replace("pss_total", "PSS_Total")
    codebook = CODEBOOK + STORED.replace("pss_total", "PSS_Total")
    found = problems(tmp_path / "a", codebook=codebook, text=text)
    assert the_problem(found, "scores.pss", "names: {total: PSS_Total}")
    plan = changed(PLAN, "width: 2}", "width: 2}, names: {total: PSS_Total}")
    plan = plan.replace("pss_total", "PSS_Total")
    (one,) = open_study(
        write_scored(tmp_path / "b", plan=plan, codebook=codebook, text=text)
    ).scores
    assert one.stored == ("total",)


def test_a_name_for_a_score_must_be_a_column_of_the_file(tmp_path):
    """Else a slip in it would turn the comparison into an addition."""
    plan = changed(PLAN, "width: 2}", "width: 2}, names: {total: pss_sum}")
    found = problems(tmp_path, plan=plan.replace("pss_total", "pss_sum"))
    assert [p.key for p in found] == ["scores.pss.names.total"]
    assert "no column `pss_sum`" in found[0].message


def test_a_misspelt_score_in_a_formula_is_told_near_names(tmp_path):
    found = problems(tmp_path, plan=changed(PLAN, "outcomes: [pss_total]", "outcomes: [pss_totl]"))
    assert "did you mean `pss_total`?" in found[0].message


def test_every_score_of_the_synthetic_trial_is_recomputed_to_the_last_bit():
    study = open_study(MBSR)
    compared = [
        (one.columns[name], one.scores.values[name]) for one in study.scores for name in one.stored
    ]
    assert len(compared) == 26
    for column, values in compared:
        assert np.array_equal(study.frame[column].to_numpy(), values), column
    added = [one.columns[name] for one in study.scores for name in one.added]
    assert added == ["fsdc_case"]
    assert not any(one.scores.impossible.any() for one in study.scores)
