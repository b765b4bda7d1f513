"""What was asked besides the fit, through files: every number back bit for bit, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from estimates_by_hand import besides, estimates

from harness.compare import DiffTable, compare_model
from harness.errors import DataError
from harness.estimates import estimate_rows, fit_json, read_fit
from harness.estimates.numbers import read_numbers
from harness.models.record import as_json
from harness.models.spec import ModelKey
from harness.report.files import diff_csv

PARTS = ("emmeans", "contrasts", "anova", "effect_sizes")


def written(folder: Path, change: Any = None) -> Path:
    raw = json.loads(fit_json(estimates(**besides(), refused={"anova": "as a test"})))
    if change is not None:
        change(raw)
    path = folder / "fit.json"
    path.write_text(json.dumps(raw), encoding="utf-8")
    return path


def test_every_number_comes_back(tmp_path: Path) -> None:
    asked = estimates(**besides(), refused={"anova": "as a test"})
    found = read_fit(written(tmp_path))
    assert repr(found) == repr(asked)  # NaN is not equal to itself
    assert len(estimate_rows(found)) == len(estimate_rows(asked))


def test_an_answer_without_them_is_written_as_before() -> None:
    record = as_json(estimates())
    assert not {*PARTS, "refused"} & set(record)
    assert {*PARTS} <= set(as_json(estimates(**besides())))


def test_no_answer_and_an_empty_one_are_two_things(tmp_path: Path) -> None:
    found = read_fit(written(tmp_path, lambda raw: raw.update(anova=[], emmeans=None)))
    assert found.anova == ()
    assert found.emmeans is None


@pytest.mark.parametrize("part", PARTS)
def test_a_term_given_twice_is_refused(tmp_path: Path, part: str) -> None:
    def twice(raw: dict[str, Any]) -> None:
        raw[part].append(raw[part][0])

    with pytest.raises(DataError, match=rf"{part}\[\d\].term: `.*` is given twice"):
        read_fit(written(tmp_path, twice))


@pytest.mark.parametrize(
    ("part", "key", "value", "complaint"),
    [
        ("emmeans", "emmean", "20", r"emmeans\[0\].emmean: must be a number"),
        ("contrasts", "slope", 1.0, r"contrasts\[0\].slope: is not a key here"),
        ("anova", "term", 3, r"anova\[0\].term: must be a string"),
        ("effect_sizes", "d_low", True, r"effect_sizes\[0\].d_low: must be a number"),
    ],
)
def test_a_wrong_value_is_placed(
    tmp_path: Path, part: str, key: str, value: object, complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        read_fit(written(tmp_path, lambda raw: raw[part][0].update({key: value})))


def test_a_missing_number_is_placed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"anova\[0\].den_df: is missing"):
        read_fit(written(tmp_path, lambda raw: raw["anova"][0].pop("den_df")))


def test_a_diff_table_with_them_is_read_again(tmp_path: Path) -> None:
    """What ``harness compare`` makes of a run's own ``diff.csv``."""
    python, r = estimates(**besides()), estimates("lme4", **besides())
    key = ModelKey("visits", "ITT", "bdi")
    path = tmp_path / "diff.csv"
    path.write_text(diff_csv(DiffTable(compare_model(key, python, r))), encoding="utf-8")
    ours = next(model for model in read_numbers(path).models if model.engine == "python")
    wanted = {row.key for row in estimate_rows(python) if row.value == row.value}
    assert wanted <= set(ours.numbers)
