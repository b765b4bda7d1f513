"""The flow's rows and patients of a model are the fit's, or the run says where they are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from estimates_by_hand import KEY, estimates

from harness.compare.patients import model_columns, uncounted
from harness.language import parse_formula
from harness.models.record import NotComputed
from harness.models.spec import ModelSpec, ModelTask
from harness.pipeline import run
from harness.sets.flow import Flow, ModelCounts

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
FORMULA = parse_formula("bdi ~ treatment * week + (week | subject) + offset(log(known))")
TASK = ModelTask(KEY, ModelSpec(FORMULA, weights="w", offset="o"))


def flow(n_rows: int, n_patients: int) -> Flow:
    model = ModelCounts(KEY.place, "ITT", n_rows, n_patients, (n_patients,), (), ())
    return Flow(("TAU",), (3,), (), (), (), (), (model,))


def test_the_columns_of_a_model_are_those_that_decide_on_rows() -> None:
    (columns,) = model_columns([TASK])
    assert columns.columns == ("bdi", "treatment", "week", "subject", "known", "w", "o")
    assert (columns.place, columns.set) == (KEY.place, "ITT")


@pytest.mark.parametrize(("rows", "patients"), [(6, 3), (5, 3), (6, 2)])
def test_other_rows_or_patients_are_told(rows: int, patients: int) -> None:
    answer = replace(estimates(), n_obs=6, groups={"subject": 3})
    said = uncounted(flow(rows, patients), [(TASK, answer)], "subject")
    if (rows, patients) == (6, 3):
        assert said == ()
        return
    assert said == (
        f"{KEY.place}: {rows} rows of {patients} patients have every value, "
        f"{answer.engine} used 6 of 3: look at {answer.formula}",
    )


def test_patients_are_compared_where_the_model_has_them() -> None:
    answer = replace(estimates(), n_obs=6, groups={"site": 2})
    assert uncounted(flow(6, 99), [(TASK, answer)], "subject") == ()
    refused = NotComputed("port", "no", 1)
    assert uncounted(flow(1, 1), [(TASK, refused)], "subject") == ()


@pytest.mark.recorded
def test_in_a_study_they_agree_model_by_model() -> None:
    result = run(FIXTURES / "btheb" / "plan.yaml", reference="recorded")
    assert result.flow is not None
    counts = {model.place: (model.n_rows, model.n_patients) for model in result.flow.models}
    fitted = {
        row.place: [int(r.python or 0) for r in rows if r.quantity in ("n_obs", "n_groups")]
        for rows in result.table.models
        for row in rows[:1]
    }
    assert {place: list(count) for place, count in counts.items()} == fitted
    assert result.warnings == ()
