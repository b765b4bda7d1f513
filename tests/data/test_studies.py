"""A study opened: plan, codebook and data against each other, every problem in one answer."""

from functools import partial
from pathlib import Path

# ruff: noqa: E501 - the tables of mistakes have one case a line
import numpy as np
import pandas as pd
import pytest
from small_study import (
    CODEBOOK,
    PLAN,
    changed,
    csv_text,
    line_with,
    rows,
    the_problem,
    with_mistake,
    write_study,
)
from small_study import problems_of as problems_of_opening

from harness.data import derive, open_study
from harness.data.hash import sha256_of_file
from harness.errors import DataError, PlanError
from harness.plan import load_plan
from harness.plan.schema import Plan
from harness.sets import analysis_sets

ROOT = Path(__file__).resolve().parents[2]
problems_of = partial(problems_of_opening, open_study)


def test_a_study_is_plan_codebook_and_typed_data(tmp_path):
    path = write_study(tmp_path)
    study = open_study(path)
    assert study.plan.study.id == "small"
    assert study.folder == tmp_path
    assert study.frame.shape == (16, 10)
    assert study.findings == ()
    assert study.data_sha256 == sha256_of_file(tmp_path / "small.csv")
    assert study.plan_sha256 == sha256_of_file(path)


def test_a_loaded_plan_opens_its_study(tmp_path, monkeypatch):
    path = write_study(tmp_path)
    plan = load_plan(path)
    assert open_study(plan).folder == tmp_path
    path.write_text(path.read_text().replace("id: small", "id: other"))
    with pytest.raises(PlanError, match=r"plan\.yaml: has changed since it was loaded"):
        open_study(plan)
    in_memory = Plan.model_validate_json(plan.model_dump_json())
    with pytest.raises(DataError, match="was not loaded from a file"):
        open_study(in_memory)


def test_derived_columns_come_in_order_and_leave_the_study_alone(tmp_path):
    study = open_study(write_study(tmp_path))
    frame = derive(study)
    assert list(frame.columns)[-3:] == ["ln_il6", "il6_0", "gain"]
    assert "gain" not in study.frame.columns
    assert frame["ln_il6"].tolist() == np.log(frame["il6"]).tolist()
    assert frame["il6_0"].tolist() == np.repeat(frame["ln_il6"].to_numpy()[::2], 2).tolist()
    assert frame["gain"][:4].tolist() == [0.0, -4.0, 0.0, -4.0]
    assert np.isnan(frame["gain"][7])


def test_a_derived_condition_is_a_number(tmp_path):
    text = changed(PLAN, '"change(bdi)"', '"change(bdi)"\n  deep: "bdi > 23"')
    frame = derive(open_study(write_study(tmp_path, plan=text)))
    assert frame["deep"].dtype == np.float64
    assert frame["deep"].tolist()[6:9] == [0.0, pytest.approx(np.nan, nan_ok=True), 1.0]


def test_the_pin_holds_the_data(tmp_path):
    path = write_study(tmp_path)
    sha256 = sha256_of_file(tmp_path / "small.csv")
    pinned = changed(PLAN, "  file: small.csv\n", f"  file: small.csv\n  sha256: {sha256}\n")
    path.write_text(pinned)
    assert open_study(path).data_sha256 == sha256
    table = rows()
    table[0]["bdi"] = "21"
    found = problems_of(tmp_path, plan=pinned, data=csv_text(table))
    assert [(p.line, p.key) for p in found] == [(line_with(pinned, "sha256"), "data.sha256")]
    assert "another content" in found[0].message


PLAN_MISTAKES = [
    ("unknown outcome", "outcomes: [bdi, ln_il6]", "outcomes: [bdi, ln_il]", "ln_il]", "analyses[0].outcomes[1]", "did you mean `ln_il6`?"),
    ("outcome is a factor", "outcomes: [bdi, ln_il6]", "outcomes: [arm]", "[arm]", "analyses[0].outcomes[0]", "is not a number"),
    ("unknown moderator", '"body mass"]', '"body size"]', "body size", "analyses[1].moderators[1]", "no column `body size`"),
    ("unknown column in a formula", "~ arm + bdi", "~ arm + age", "age", "analyses[2].formula", "no column `age`"),
    ("unknown weights", "    reml: true", "    weights: il7", "il7", "analyses[0].weights", "no column `il7`"),
    ("weights are a factor", "    reml: true", "    weights: arm", "weights", "analyses[0].weights", "is not a number"),
    ("unknown offset", "    reml: true", "    offset: il7", "il7", "analyses[0].offset", "no column `il7`"),
    ("contrasts of no column", "    reml: true", "    contrasts: {arms: sum}", "arms", "analyses[0].contrasts.arms", "no column `arms`"),
    ("contrasts of a number", "    reml: true", "    contrasts: {bdi: sum}", "bdi: sum", "analyses[0].contrasts.bdi", "`bdi` is a number"),
    ("contrasts of another column", "    reml: true", "    contrasts: {late: sum}", "late", "analyses[0].contrasts.late", "is not in the formula"),
    ("unknown group", "~ arm * visit + (1 | id)", "~ arm * visit + (1 | pid)", "pid", "analyses[0].formula", "no column `pid`"),
    ("unknown column in a set", "sessions >= 6", "session >= 6", "session >=", "sets.PP", "did you mean `sessions`?"),
    ("level in a set", "arm == 'TAU'", "arm == 'tau'", "'tau'", "sets.PP", "the levels are 'TAU', 'New'"),
    ("set is no condition", 'ITT: "true"', 'ITT: "bdi"', "ITT", "sets.ITT", "not a condition"),
    ("unknown column derived", "log(il6)", "log(il_6)", "il_6", "derive.ln_il6", "did you mean `il6`?"),
    ("factor in a calculation", "log(il6)", "log(arm)", "log(arm)", "derive.ln_il6", "a factor"),
    ("derived too late", '"log(il6)"', '"log(gain)"', "log(gain)", "derive.ln_il6", "no column `gain`"),
    ("derived over a column", "  gain:", "  BDI:", "  BDI:", "derive.BDI", "a column `bdi` already"),
    ("id of another type", "  id: id", "  id: note", "id: note", "data.id", "of type text, not id"),
    ("unknown id", "  id: id", "  id: patient", "id: patient", "data.id", "no column `patient`"),
    ("arm of another type", "column: arm", "column: note", "column: note", "data.arm.column", "of type text, not factor"),
    ("unknown time", "column: visit", "column: week", "column: week", "data.time.column", "no column `week`"),
    ("levels in another order", "levels: [TAU, New]", "levels: [New, TAU]", "[New, TAU]", "data.arm.levels", "the codebook has TAU, New in this order"),
    ("level the codebook lacks", "levels: [0, 2]", "levels: [0, 2, 5]", "[0, 2, 5]", "data.time.levels", "the plan 0, 2, 5"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "place", "key", "message"),
    [c[1:] for c in PLAN_MISTAKES],
    ids=[c[0] for c in PLAN_MISTAKES],
)
def test_a_plan_that_does_not_fit_the_data(tmp_path, old, new, place, key, message):
    text = with_mistake(old, new)
    found = the_problem(problems_of(tmp_path, plan=text), key, message)
    assert found.line == line_with(text, place), str(found)


def test_what_a_broken_derived_column_feeds_is_not_reported_again(tmp_path):
    found = problems_of(tmp_path, plan=changed(PLAN, '"log(il6)"', '"log(arm)"'))
    assert [p.key for p in found] == ["derive.ln_il6"]
    found = problems_of(tmp_path, plan=changed(PLAN, '"log(il6)"', "3"))
    assert [p.key for p in found] == ["derive.ln_il6"]


def test_a_level_that_does_not_occur(tmp_path):
    plan = changed(PLAN, "levels: [0, 2]", "levels: [0, 2, 5]")
    codebook = changed(CODEBOOK, "visit,factor,0;2", "visit,factor,0;2;5")
    found = problems_of(tmp_path, plan=plan, codebook=codebook)
    assert [(p.key, p.line) for p in found] == [
        ("data.time.levels[2]", line_with(plan, "[0, 2, 5]"))
    ]
    assert "`5` does not occur in `visit`" in found[0].message


def test_a_time_of_numbers(tmp_path):
    codebook = changed(CODEBOOK, "visit,factor,0;2", "visit,number,")
    study = open_study(write_study(tmp_path, codebook=codebook))
    assert derive(study)["gain"][1] == -4.0
    found = problems_of(tmp_path, codebook=codebook, plan=changed(PLAN, "[0, 2]", "[0, 2, 3]"))
    assert [p.key for p in found] == ["data.time.levels[2]"]


def test_codebook_and_data_columns(tmp_path):
    table = [{("weight" if k == "body mass" else k): v for k, v in row.items()} for row in rows()]
    found = problems_of(tmp_path, data=csv_text(table))
    shown = [(Path(p.file).name, p.line, p.key) for p in found]
    assert ("codebook.csv", line_with(CODEBOOK, "body mass"), "body mass") in shown
    assert ("codebook.csv", None, "weight") in shown


@pytest.mark.parametrize("lost", ["id", "arm", "visit"])
def test_a_design_column_that_is_not_in_the_file(tmp_path, lost):
    table = [{k: v for k, v in row.items() if k != lost} for row in rows()]
    found = problems_of(tmp_path, data=csv_text(table))
    assert ("codebook.csv", line_with(CODEBOOK, f"{lost},"), lost) in {
        (Path(p.file).name, p.line, p.key) for p in found
    }


def test_a_time_in_the_codebook_that_the_plan_lacks(tmp_path):
    found = problems_of(
        tmp_path, codebook=changed(CODEBOOK, "Interleukin-6,0;2", "Interleukin-6,0;3")
    )
    assert [(Path(p.file).name, p.line, p.key) for p in found] == [("codebook.csv", 7, "il6.times")]


def test_plan_codebook_and_column_problems_come_together(tmp_path):
    plan = changed(PLAN, "synthetic: true", "syntetic: true")
    plan = changed(plan, "kind: lmm", "kind: lmmm")
    plan = changed(plan, "sessions >= 6", "session >= 6")
    plan = changed(plan, "~ arm + bdi", "~ arm + age")
    codebook = changed(CODEBOOK, "higher is worse", "lower is worse")
    found = problems_of(tmp_path, plan=plan, codebook=codebook)
    assert {(Path(p.file).name, p.line, p.key) for p in found} == {
        ("plan.yaml", line_with(plan, "syntetic"), "study.syntetic"),
        ("plan.yaml", line_with(plan, "lmmm"), "analyses[0].kind"),
        ("plan.yaml", line_with(plan, "session >="), "sets.PP"),
        ("plan.yaml", line_with(plan, "+ age"), "analyses[2].formula"),
        ("codebook.csv", 6, "bdi.direction"),
    }


def test_a_data_error_joins_the_other_problems_or_stands_alone(tmp_path):
    with pytest.raises(DataError, match=r"small.csv:2: 1 cells"):
        open_study(write_study(tmp_path, data="id,arm\n1\n"))
    found = problems_of(tmp_path, data="id,arm\n1\n", plan=changed(PLAN, "kind: lmm", "kind: x"))
    assert [(Path(p.file).name, p.line) for p in found] == [
        ("plan.yaml", line_with(PLAN, "kind: lmm")),
        ("small.csv", 2),
    ]


def test_cells_that_cannot_be_read_do_not_stop_a_study(tmp_path):
    """They are the gate's: it names the rows."""
    table = rows()
    table[3]["il6"] = "<0.1"
    study = open_study(write_study(tmp_path, data=csv_text(table)))
    assert [(f.row, f.text) for f in study.findings] == [(4, "<0.1")]


def test_two_baseline_rows_open_for_the_gate_but_do_not_derive(tmp_path):
    table = [*rows(), rows()[0]]
    study = open_study(write_study(tmp_path, data=csv_text(table)))
    with pytest.raises(DataError, match="id p0 has two rows at visit 0"):
        derive(study)


@pytest.mark.parametrize("name", ["btheb", "mbsr", "mbsr_null", "eudaimon3"])
def test_the_studies_of_this_repository_open(name):
    study = open_study(ROOT / "fixtures" / name / "plan.yaml")
    assert study.findings == ()
    frame = derive(study)
    assert all(s.n_rows > 0 for s in analysis_sets(study.plan, frame).values())
    for column in frame.select_dtypes("number"):
        assert not np.isinf(frame[column]).any(), column
    assert isinstance(frame, pd.DataFrame)


@pytest.mark.parametrize("name", ["id", "arm", "visit", "bdi", "il6", "sessions"])
def test_a_wrong_line_of_the_codebook_is_reported_and_not_what_follows_from_it(tmp_path, name):
    line = next(text for text in CODEBOOK.splitlines() if text.startswith(f"{name},"))
    kind = line.split(",")[1]
    codebook = changed(CODEBOOK, line, line.replace(f"{name},{kind}", f"{name},{kind}x"))
    found = [p for p in problems_of(tmp_path, codebook=codebook) if p.key != f"{name}.type"]
    assert [str(p) for p in found if f"`{name}`" in p.message or p.key == name] == []
