"""Whole rows, every column of them: what a reader of the diff table sees, word for word."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import pandas as pd
import pytest
from estimates_by_hand import FORMULA, KEY, at_boundary, estimates, pair, with_value

from harness.compare import COLUMNS, CrossCheck, DiffRow, DiffTable, Verdict, compare_model
from harness.compare.policy import default_policy
from harness.compare.rows import DiffRow as Row
from harness.models.record import NotComputed, RandomEffect, ReferenceQuality
from harness.models.spec import ModelKey

PLACE = {"analysis": "efficacy", "set": "ITT", "outcome": "bdi", "moderator": ""}
BLANK: dict[str, Any] = {
    **PLACE,
    "model": FORMULA,
    "published": None,
    "delta": None,
    "metric": "",
    "limit": None,
    "tier": "T2",
    "df_method": "satterthwaite",
    "cause": "",
    "note": "",
    "exit_code": 1,
    "printed": False,
}


def whole(row: DiffRow) -> dict[str, Any]:
    return {field.name: getattr(row, field.name) for field in fields(Row)}


def row_of(
    rows: tuple[DiffRow, ...], term: str, quantity: str, occurrence: int = 0
) -> dict[str, Any]:
    found = [row for row in rows if (row.term, row.quantity) == (term, quantity)]
    return whole(found[occurrence])


@pytest.mark.parametrize("label", ["", "a label"])
@pytest.mark.parametrize("moderator", ["", "cxcl8"])
def test_an_answer_of_one_side_only(label: str, moderator: str) -> None:
    key = replace(KEY, moderator=moderator)
    refusal = NotComputed("lme4", "R crashed", 4)
    blank = {**BLANK, "moderator": moderator, "model": label or FORMULA, "exit_code": 4}
    for given, verdict, side in (
        ((estimates(), refusal), Verdict.PYTHON_ONLY, "python"),
        ((refusal, estimates("lme4")), Verdict.R_ONLY, "r"),
    ):
        rows = compare_model(key, *given, label=label)
        for term, quantity, value, tier in (
            ("week", "estimate", -0.31, "T2"),
            ("", "n_obs", 6, "T0"),
            ("subject", "n_groups", 3, "T0"),
        ):
            values = {"python": None, "r": None, side: value}
            named = {"term": term, "quantity": quantity, "verdict": verdict, "tier": tier}
            note = {"note": "lme4: R crashed"}
            assert row_of(rows, term, quantity) == {**blank, **named, **values, **note}


def test_no_answer_on_either_side() -> None:
    refusals = (NotComputed("port", "a", 2), NotComputed("lme4", "b", 4))
    (row,) = compare_model(KEY, *refusals)
    assert whole(row) == {
        **BLANK,
        "model": "",
        "df_method": "",
        "term": "",
        "quantity": "",
        "python": None,
        "r": None,
        "verdict": Verdict.NOT_COMPUTED,
        "note": "port: a; lme4: b",
        "exit_code": 4,
    }


def test_a_row_of_one_side_only() -> None:
    python, r = pair()
    fewer = replace(python, fixed=python.fixed[:-1])
    for given, verdict, side, note in (
        (
            (python, replace(r, fixed=fewer.fixed)),
            Verdict.PYTHON_ONLY,
            "python",
            "r has no such row",
        ),
        ((fewer, r), Verdict.R_ONLY, "r", "python has no such row"),
    ):
        rows = compare_model(KEY, *given)
        values = {"python": None, "r": None, side: 0.8}
        named = {"term": "log(dose)", "quantity": "estimate", "verdict": verdict, "note": note}
        assert row_of(rows, "log(dose)", "estimate") == {**BLANK, **named, **values}
        other = compare_model(KEY, given[0], replace(given[1], problem=None, n_obs=5))
        assert row_of(other, "log(dose)", "estimate")["verdict"] is Verdict.DIFFERENT_MODEL


def test_a_term_listed_twice() -> None:
    python, r = pair()
    twice = (*python.fixed, python.fixed[2])
    rows = compare_model(KEY, replace(python, fixed=twice), r)
    row = row_of(rows, "week", "estimate", 1)
    assert row["note"] == "r has no such row; the term is listed 2 times"
    rows = compare_model(KEY, replace(python, fixed=twice), replace(r, fixed=twice))
    assert row_of(rows, "week", "estimate", 1)["note"] == "the term is listed 2 times"


def test_a_match_and_a_difference() -> None:
    python, r = pair()
    rows = compare_model(KEY, with_value(python, "week", "std_error", 0.42), r)
    measured = {"metric": "relative", "limit": 1e-6, "tier": "T2"}
    named = {"term": "week", "quantity": "std_error", "verdict": Verdict.DIFFERS}
    values = {"python": 0.42, "r": 0.21, "delta": 1.0}
    assert row_of(rows, "week", "std_error") == {**BLANK, **named, **values, **measured}
    matched = {"term": "sigma", "quantity": "sigma", "verdict": Verdict.MATCH, "exit_code": 0}
    values = {"python": 5.25, "r": 5.25, "delta": 0.0}
    assert row_of(rows, "sigma", "sigma") == {**BLANK, **matched, **values, **measured}


def test_a_green_row_has_no_cause_and_a_red_one_has_its_own() -> None:
    python, r = pair()
    other = with_value(replace(python, df_method="z"), "week", "df", math.inf)
    rows = compare_model(KEY, with_value(other, "week", "estimate", 1.0), r)
    assert row_of(rows, "week", "df")["cause"] == "df method: z in python, satterthwaite in r"
    assert row_of(rows, "week", "estimate")["cause"] == ""
    assert row_of(rows, "sigma", "sigma")["cause"] == ""
    assert row_of(rows, "week", "df")["df_method"] == "z | satterthwaite"


def test_the_check_at_one_theta() -> None:
    python, r = pair()
    named = {"term": "", "quantity": "criterion", "metric": "deviance", "limit": 1e-8, "tier": "T1"}
    rows = compare_model(KEY, python, r, CrossCheck(1234.5))
    agreed = {"verdict": Verdict.MATCH, "exit_code": 0, "note": "both criteria at r's theta"}
    values = {"python": 1234.5, "r": 1234.5, "delta": 0.0}
    assert whole(rows[-1]) == {**BLANK, **named, **values, **agreed}
    rows = compare_model(KEY, python, r, CrossCheck(1234.75))
    apart = {"verdict": Verdict.DIFFERS, "note": "the criteria disagree at the same theta (r's)"}
    cause = {"cause": "algebra: the criteria disagree at the same theta"}
    values = {"python": 1234.75, "r": 1234.5, "delta": 0.25}
    assert whole(rows[-1]) == {**BLANK, **named, **values, **apart, **cause}
    rows = compare_model(KEY, replace(python, reml=False, problem=None), r, CrossCheck(1234.75))
    assert rows[-1].verdict is Verdict.DIFFERENT_MODEL
    assert rows[-1].note == "both criteria at r's theta"


def test_the_check_at_one_theta_is_held_by_the_methods_own_record() -> None:
    policy = default_policy()
    (shared,) = [t for t in policy.tolerances if (t.tier, t.quantity) == ("T1", "criterion")]
    own = replace(shared, df_methods=("satterthwaite",), limit=1.0)
    policy = replace(policy, tolerances=(*policy.tolerances, own))
    for method, verdict in (("satterthwaite", Verdict.MATCH), ("z", Verdict.DIFFERS)):
        rows = compare_model(KEY, *pair(df_method=method), CrossCheck(1234.9), policy=policy)
        assert rows[-1].verdict is verdict


NOT_CLEAN = "reference not clean: "


@pytest.mark.parametrize(
    ("reasons", "told"),
    [(("a", "b"), NOT_CLEAN + "a; b"), ((), NOT_CLEAN + "reason not given")],
)
def test_why_a_reference_is_not_clean(reasons: tuple[str, ...], told: str) -> None:
    python, r = pair()
    r = replace(r, quality=ReferenceQuality(False, reasons))
    row = row_of(compare_model(KEY, python, r), "week", "estimate")
    assert (row["note"], row["verdict"]) == (told, Verdict.REFERENCE_NOT_CLEAN)


@pytest.mark.parametrize(
    ("term", "quantity", "values", "note"),
    [
        ("week", "p_value", (0.06, 0.04), "p is on the other side of 0.05"),
        (
            "week",
            "p_value",
            (0.05, 0.05 - 1e-9),
            "p is on the other side of 0.05; the numbers agree within their limit: a knife edge",
        ),
        ("week", "conf_low", (0.1, -0.1), "the interval excludes 0 on one side only"),
        ("week", "conf_high", (0.1, -0.1), "the interval excludes 0 on one side only"),
        ("", "singular", (True, False), "one side calls the fit singular"),
    ],
)
def test_what_a_flipped_decision_says(
    term: str, quantity: str, values: tuple[Any, Any], note: str
) -> None:
    python, r = (with_value(s, term, quantity, v) for s, v in zip(pair(), values, strict=True))
    row = row_of(compare_model(KEY, python, r), term, quantity)
    assert (row["verdict"], row["note"]) == (Verdict.DECISION_FLIPS, note)


def test_nan_on_both_sides() -> None:
    python, r = (with_value(side, "week", "estimate", math.nan) for side in pair())
    assert row_of(compare_model(KEY, python, r), "week", "estimate")["note"] == "NaN on both sides"


def test_a_correlation_on_the_boundary_is_absolute_and_says_why() -> None:
    term = "cor(subject:(Intercept),week)"
    rows = compare_model(KEY, at_boundary("port"), at_boundary("lme4"))
    row = row_of(rows, term, "cor")
    assert (row["metric"], row["limit"], row["verdict"]) == ("absolute", 1e-3, Verdict.BOUNDARY)
    assert row["tier"] == row_of(rows, "sd(subject:week)", "sd")["tier"] == "T2"
    reason = "boundary fit: smallest eigenvalue 0 in python"
    assert row["note"] == f"NaN on both sides; {reason}"
    called = [replace(side, min_eigen=0.7) for side in (at_boundary("port"), at_boundary("lme4"))]
    row = row_of(compare_model(KEY, *called), term, "cor")
    assert row["note"] == "NaN on both sides; boundary fit: python calls it singular"
    row = row_of(compare_model(KEY, replace(called[0], singular=False), called[1]), term, "cor")
    assert row["note"] == "NaN on both sides; boundary fit: r calls it singular"


def test_the_frame_holds_numbers_and_words() -> None:
    python, r = pair()
    extra = RandomEffect("sd(site:(Intercept))", 0.25)
    rows = compare_model(KEY, replace(python, random=(*python.random, extra)), r)
    frame = DiffTable(rows).to_frame()
    assert list(frame.columns) == list(COLUMNS)
    assert {n: str(frame[n].dtype) for n in ("python", "r", "delta", "limit")} == dict.fromkeys(
        ("python", "r", "delta", "limit"), "float64"
    )
    by_key = frame.set_index(["term", "quantity"])
    lonely = by_key.loc[("sd(site:(Intercept))", "sd")]
    assert lonely["python"] == 0.25
    assert all(pd.isna(lonely[name]) for name in ("r", "delta", "limit"))
    assert lonely["verdict"] == "python only"
    assert type(frame["verdict"].iloc[0]) is str
    week = by_key.loc[("week", "estimate")]
    assert (week["python"], week["r"], week["delta"], week["limit"]) == (-0.31, -0.31, 0, 1e-6)
    flag = by_key.loc[("", "converged")]
    assert (flag["python"], flag["r"]) == (1.0, 1.0)


def test_an_empty_frame_has_its_columns_and_types() -> None:
    frame = DiffTable(()).to_frame()
    assert list(frame.columns) == list(COLUMNS)
    assert str(frame["delta"].dtype) == "float64"


def test_the_page_of_a_notebook_escapes_names_and_shows_sixty_rows() -> None:
    python, r = pair()
    name = "<b>week</b>"
    fixed = tuple(replace(e, term=name) if e.term == "week" else e for e in python.fixed)
    rows = compare_model(KEY, replace(python, fixed=fixed), r)
    page = DiffTable(rows)._repr_html_()
    assert "&lt;b&gt;week&lt;/b&gt;" in page
    assert name not in page
    assert "<th>0</th>" not in page
    shown = DiffTable((rows * 3)[:61])._repr_html_()
    assert shown.count("<tr") == 1 + 60 + 1
    assert "..." in shown
    assert DiffTable((rows * 3)[:60])._repr_html_().count("<tr") == 1 + 60


def test_models_and_the_worst_number() -> None:
    python, r = pair()
    off = with_value(python, "week", "estimate", -0.31 + 0.21 * 5e-7)
    other = ModelKey("efficacy", "PP", "bdi", "age")
    table = DiffTable((*compare_model(KEY, off, r), *compare_model(other, python, r)))
    assert [rows[0].place for rows in table.models] == ["efficacy/ITT/bdi", "efficacy/PP/bdi/age"]
    assert table.worst is not None
    assert table.worst.place == "efficacy/ITT/bdi"
    assert table.worst.share == pytest.approx(0.5, rel=1e-6)
    assert DiffTable(()).worst is None
    assert {type(verdict) for verdict in table.counts} == {Verdict}


def test_a_share_is_what_it_says() -> None:
    python, r = pair(df_method="z")
    row = compare_model(KEY, with_value(python, "week", "df", 44.5), r)
    (df,) = [x for x in row if (x.term, x.quantity) == ("week", "df")]
    assert df.share == math.inf
    assert replace(df, delta=0.0).share == 0
    assert math.isnan(replace(df, delta=None).share)
    assert math.isnan(replace(df, limit=None).share)
    assert replace(df, delta=3.0, limit=2.0).share == 1.5
