"""Sets of patients: exactly the rows that a loop over patients, written down here, selects."""

from __future__ import annotations

# ruff: noqa: E501 - the table of mistakes has one case a line
from pathlib import Path

import jsonschema
import pytest
import yaml
from small_study import PLAN, changed, line_with, problems_of, the_problem, write_study
from trial_of_gaps import WEEKS, rows, write_gaps

from harness.data.derive import derive
from harness.data.study import open_study
from harness.plan import plan_schema
from harness.plan.load import load_plan
from harness.sets import analysis_sets
from harness.sets.enough import sufficient_sets

PP = "arm == 'TAU' or sessions >= 6"
TIMES = {"a factor": "factor,0;4;100000", "a number": "number,"}


def selected() -> dict[str, list[int]]:
    """The rows of each set of the study of gaps, from the text of its cells alone."""
    table = rows()
    found: dict[str, list[int]] = {}
    for number, row in enumerate(table):
        mine = [other for other in table if row["who"] and other["who"] == row["who"]]

        def weeks(column: str, known=lambda cell: cell != "", mine=mine) -> set[str]:
            return {other["week"] for other in mine if known(other[column]) and other["week"]}

        pain, crp = weeks("pain"), weeks('crp "hs"')
        ln_crp = weeks('crp "hs"', lambda cell: cell not in ("", "0"))
        sessions = {int(other["sessions"]) for other in mine if other["sessions"]}
        full = {
            "completers": pain == set(WEEKS),
            "both": pain == crp == set(WEEKS),
            "mITT": bool(pain & {*WEEKS[1:]}),
            "mITT PP": bool(ln_crp & {*WEEKS[1:]})
            and (row["arm"] == "TAU" or any(s >= 6 for s in sessions)),
            "PP": any(s >= 6 for s in sessions),
            "all": pain == set(WEEKS)
            and bool(crp & {*WEEKS[1:]})
            and bool(sessions)
            and min(sessions) >= 3,
            "ITT": True,
            "rowwise": row["pain"] != "" and int(row["pain"]) > 3,
        }
        for name, inside in full.items():
            # Nobody's rows are in no set of patients.
            if inside and (row["who"] or name in ("ITT", "rowwise")):
                found.setdefault(name, []).append(number)
    return found


@pytest.mark.parametrize("week", TIMES.values(), ids=TIMES)
def test_a_loop_over_patients_selects_the_same_rows(tmp_path: Path, week: str) -> None:
    study = open_study(write_gaps(tmp_path, week=week))
    sets = analysis_sets(study.plan, derive(study))
    wanted = selected()
    assert {name: list(s.mask.nonzero()[0]) for name, s in sets.items()} == wanted
    sizes = {name: len(found) for name, found in wanted.items()}
    assert len({*sizes.values()}) >= 7, sizes  # no set is another by accident


def test_what_is_not_known_of_a_patient_is_counted_as_undecided(tmp_path: Path) -> None:
    study = open_study(write_gaps(tmp_path))
    sets = analysis_sets(study.plan, derive(study))
    table = rows()
    known = {row["who"] for row in table if row["sessions"]}
    unknown = [row for row in table if row["who"] and row["who"] not in known]
    assert sets["PP"].undecided == len(unknown) > 0
    assert (sets["completers"].undecided, sets["mITT PP"].expression) == (
        0,
        "patients with ln_crp after baseline; and arm == 'TAU' or sessions >= 6",
    )


MISTAKES = [
    ("unknown key", "{compleet: [bdi]}", "sets.PP.compleet", "unknown key; did you mean `complete`?"),
    ("no key", "{}", "sets.PP", "selects by nothing; give it where, complete, observed_after_baseline"),
    ("no list", "{complete: bdi}", "sets.PP.complete", "must be a list"),
    ("a number for a column", "{complete: [3]}", "sets.PP.complete[0]", 'write "3" in quotes'),
    ("a list for a set", "[bdi]", "sets.PP", "must be text"),
    ("twice", "{complete: [bdi, bdi]}", "sets.PP.complete[1]", "`bdi` stands twice"),
    ("code", "{where: \"__import__('os')\"}", "sets.PP.where", "not part of the language"),
    ("baseline()", '{where: "baseline(bdi) > 9"}', "sets.PP.where", "derive one and use it here"),
    ("unknown column", "{complete: [bdj]}", "sets.PP.complete[0]", "no column `bdj`; did you mean `bdi`?"),
    ("unknown column later", "{observed_after_baseline: [bdi, bdj]}", "sets.PP.observed_after_baseline[1]", "no column `bdj`"),
    ("unknown column in where", '{where: "bdj > 3"}', "sets.PP.where", "did you mean `bdi`?"),
    ("no condition", '{where: "bdi"}', "sets.PP.where", "not a condition"),
    ("of rows", '{where: "bdi > 20"}', "sets.PP.where", "holds in some rows of id p1 and 2 more and not in others; ask it of the patient"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "key", "message"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])  # fmt: skip
def test_a_mistake_is_told_with_its_line(tmp_path: Path, rule: str, key: str, message: str) -> None:
    plan = changed(PLAN, f'"{PP}"', rule)
    found = the_problem(problems_of(open_study, tmp_path, plan=plan), key, message)
    assert found.line == line_with(plan, "PP: ")


def test_what_a_mistaken_set_feeds_is_not_reported_again(tmp_path: Path) -> None:
    plan = changed(PLAN, f'"{PP}"', "{compleet: [bdi], where: 3}")
    found = problems_of(load_plan, tmp_path, plan=plan)
    assert {p.key for p in found} == {"sets.PP.compleet", "sets.PP.where"}
    plan = changed(changed(PLAN, f'"{PP}"', "{complete: [ln_il6]}"), '"log(il6)"', '"log(arm)"')
    assert {p.key for p in problems_of(open_study, tmp_path, plan=plan)} == {"derive.ln_il6"}


def test_a_set_of_nobody_is_told_with_its_line(tmp_path: Path) -> None:
    plan = changed(PLAN, f'"{PP}"', "{complete: [note]}")

    def sets_of(path: Path) -> object:
        study = open_study(path)
        return sufficient_sets(study, derive(study))

    found = problems_of(sets_of, tmp_path, plan=plan)
    (problem,) = [p for p in found if p.key == "sets.PP"]
    assert "there are no patients with note at every time: the set is empty" in problem.message
    assert problem.line == line_with(plan, "PP: ")


def test_the_schema_knows_both_forms() -> None:
    sets = {
        "rows": "sessions > 3",
        "patients": {"complete": ["bdi"], "where": PP, "observed_after_baseline": ["bdi"]},
    }
    jsonschema.validate({**yaml.safe_load(PLAN), "sets": sets}, plan_schema())
    for wrong in ({"compleet": ["bdi"]}, {"complete": "bdi"}, 3):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**yaml.safe_load(PLAN), "sets": {"ITT": wrong}}, plan_schema())


def test_the_small_study_in_both_forms(tmp_path: Path) -> None:
    plan = changed(PLAN, f'"{PP}"', f'{{where: "{PP}", complete: [bdi]}}')
    study = open_study(write_study(tmp_path, plan=plan))
    kept = analysis_sets(study.plan, derive(study))["PP"]
    assert (kept.n_ids, kept.n_rows) == (6, 12)  # p3 has no post value, and too few sessions
