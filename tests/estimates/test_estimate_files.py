from __future__ import annotations

import copy
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from estimates_by_hand import KEY, at_boundary, estimates
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import DataError
from harness.estimates import (
    KeyedAnswer,
    fit_json,
    read_answers,
    read_fit,
    to_record,
    write_fit,
    write_run,
)
from harness.models.record import FixedEffect, NotComputed, ReferenceQuality
from harness.models.spec import ModelKey

CONTRACT_KEYS = [
    "engine",
    "formula",
    "reml",
    "df_method",
    "n_obs",
    "groups",
    "singular",
    "converged",
    "messages",
    "fixed",
    "random",
    "fit",
]


def test_the_record_has_the_contracts_keys_first_and_in_order() -> None:
    record = json.loads(fit_json(estimates()))
    assert list(record)[:12] == CONTRACT_KEYS
    assert list(record["fixed"][0]) == [
        "term",
        "estimate",
        "std_error",
        "df",
        "statistic",
        "p_value",
        "conf_low",
        "conf_high",
    ]
    assert list(record["random"][0]) == ["term", "estimate"]
    assert list(record["fit"]) == ["criterion", "loglik", "aic", "bic"]


@pytest.mark.parametrize(
    "answer",
    [
        estimates(),
        estimates("lme4", quality=ReferenceQuality(False, ("lme4: singular",), ("a", "b"), 1e-9)),
        estimates(problem=None, theta=(), random=(), groups={}, messages=("a\nb", 'quote "')),
    ],
    ids=["port", "reference", "lm"],
)
def test_a_written_fit_reads_back_equal(tmp_path: Path, answer: Any) -> None:
    read = read_fit(write_fit(tmp_path / "fit.json", answer))
    # NaN is not equal to itself; the records of both are.
    assert to_record(read) == to_record(answer)
    assert read.fixed == answer.fixed


@given(st.floats())
def test_any_double_survives_bit_for_bit(value: float) -> None:
    import tempfile

    effect = FixedEffect("x", value, 1.0, math.inf, -math.inf, math.nan, -0.0, 5e-324)
    with tempfile.TemporaryDirectory() as folder:
        path = write_fit(Path(folder) / "fit.json", estimates(fixed=(effect,)))
        (read,) = read_fit(path).fixed
    assert math.isnan(read.estimate) if math.isnan(value) else read.estimate == value
    assert math.copysign(1, read.estimate) == math.copysign(1, value) or math.isnan(value)
    assert (read.df, read.statistic, read.conf_high) == (math.inf, -math.inf, 5e-324)
    assert math.isnan(read.p_value)
    assert math.copysign(1, read.conf_low) == -1


def test_non_finite_numbers_are_written_as_r_reads_them() -> None:
    record = json.loads(fit_json(at_boundary()))
    assert record["random"][2]["estimate"] is None
    record = json.loads(fit_json(estimates(min_eigen=math.inf)))
    assert record["min_eigen"] == "Inf"


def test_numpy_scalars_of_an_engine_from_outside_are_written(tmp_path: Path) -> None:
    answer = estimates(n_obs=np.int64(6), singular=np.bool_(False), min_eigen=np.float64(0.5))
    read = read_fit(write_fit(tmp_path / "fit.json", answer))
    assert (read.n_obs, read.singular, read.min_eigen) == (6, False, 0.5)


def test_a_run_reads_back_with_refusals(tmp_path: Path) -> None:
    answers = (
        KeyedAnswer(KEY, estimates()),
        KeyedAnswer(KEY, NotComputed("lme4", "R is missing", 4)),
        KeyedAnswer(ModelKey("mod", "PP", "pain", "cxcl8"), estimates()),
    )
    read = read_answers(write_run(tmp_path / "estimates.json", answers, study="btheb"))
    assert [item.key for item in read] == [item.key for item in answers]
    assert read[1].answer == answers[1].answer
    assert to_record(read[2].answer) == to_record(answers[2].answer)


def test_a_single_fit_is_read_as_an_answer_too(tmp_path: Path) -> None:
    (item,) = read_answers(write_fit(tmp_path / "fit.json", estimates()))
    assert item.key == ModelKey("", "", "bdi")


def edited(path: str, value: Any) -> dict[str, Any]:
    """The record with one place changed; `...` removes the key."""
    record: Any = json.loads(fit_json(estimates()))
    place: Any = record
    *way, last = [int(p) if p.isdigit() else p for p in path.split("/")]
    for step in way:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return copy.deepcopy(record)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("n_obs", ..., "n_obs: is missing"),
        ("n_obs", 6.5, "n_obs: must be a whole number, not 6.5"),
        ("n_obs", True, "n_obs: must be a whole number, not true"),
        ("n_obs", -1, "n_obs: must be a whole number, not -1"),
        ("reml", "yes", 'reml: must be true or false, not "yes"'),
        ("reml", 1, "reml: must be true or false, not 1"),
        ("fixed/1/std_error", "1.5", 'fixed[1].std_error: must be a number, null, "Inf" or'),
        ("fixed/1/std_error", True, "fixed[1].std_error: must be a number"),
        ("fixed/1/std_error", ..., "fixed[1].std_error: is missing"),
        ("fixed/1/std_err", 1.0, "fixed[1].std_err: is not a key here; allowed: term, estimate"),
        ("fixed/1/term", "week", "`week` is given twice"),
        ("fixed", {}, "fixed: must be an array, not {}"),
        ("random/0/term", "var(subject)", "random[0].term: random term `var(subject)`"),
        ("fit/bic", ..., "fit.bic: is missing"),
        ("groups", [], "groups: must be an object, not []"),
        ("messages", [3], "messages[0]: must be a string, not 3"),
        ("min_eigne", 0.1, "min_eigne: is not a key here"),
        ("problem/x/0/total", "0", "problem.x[0].total: must be a number"),
        ("fit/aic", 10**400, "fit.aic: is beyond the range of a double"),
        ("random/1/term", "sigma", "`sigma` is given twice"),
        ("versions", {"a\n\u202e": 1}, "versions.a\\n\\u202e: must be a string"),
        ("quality", {}, "quality.clean: is missing"),
        ("versions", {"numpy": 2.4}, "versions.numpy: must be a string"),
    ],
)
def test_a_malformed_file_is_one_line_naming_file_and_key(
    tmp_path: Path, path: str, value: Any, message: str
) -> None:
    record = edited(path, value)
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(record))
    with pytest.raises(DataError) as caught:
        read_fit(file)
    assert message in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON"),
        ('{"engine": ', "is not JSON"),
        ("[]", "must be an object"),
        ('{"engine": "a", "engine": "b"}', "the key `engine` is given twice"),
        ('{"n_obs": NaN}', "bare NaN is not JSON"),
        ('{"version": 2, "models": []}', "version: this harness reads version 1"),
        ('{"version": 1, "models": []}', "models: holds no model"),
        ('{"engine": "a", "not_computed": "x", "exit_code": 0}', "must be between 1 and 4"),
        ("[" * 100_000, "nested more than 40 deep"),
        ('{"n_obs": ' + "9" * 5000 + "}", "holds a number that cannot be read"),
        (fit_json(estimates()).replace("1234.5", "1e999"), "fit.criterion: is beyond the range"),
    ],
    ids=[
        "empty",
        "cut",
        "array",
        "twice",
        "nan",
        "version",
        "none",
        "code",
        "deep",
        "digits",
        "beyond",
    ],
)
def test_what_is_not_an_estimate_file_is_told_in_one_line(
    tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "bad.json"
    file.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        read_answers(file)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_bytes_that_are_not_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_fit(tmp_path / "none.json")
    (tmp_path / "b.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="is not UTF-8"):
        read_fit(tmp_path / "b.json")


def test_a_pipe_is_not_an_estimate_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(DataError, match="cannot be read \\(not a regular file\\)"):
        read_answers(tmp_path / "pipe.json")


def test_two_answers_of_one_engine_to_one_model_are_refused(tmp_path: Path) -> None:
    answers = (KeyedAnswer(KEY, estimates()), KeyedAnswer(KEY, estimates()))
    path = write_run(tmp_path / "estimates.json", answers)
    with pytest.raises(DataError, match=r"models\[1\]: a second answer of port"):
        read_answers(path)
