"""Tier T3: what lme4 prints by default is measured, told, and counted nowhere."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any

import pytest
from estimates_by_hand import FORMULA, KEY, at_boundary, besides, pair, with_value

from harness.compare import DiffTable, Verdict, compare_model, default_policy, join
from harness.compare.reported import QUANTITIES, reported_rows
from harness.compare.rows import DiffRow
from harness.estimates import EstimateRow, estimate_rows
from harness.models.inference import LowerBound, SimpleSlope, UpperBound
from harness.models.record import Estimates, NotComputed, Reported

POLICY = default_policy()
NUMBERS = [row for row in estimate_rows(pair()[0]) if row.quantity in QUANTITIES]


def defaults(answer: Estimates, **changes: object) -> Reported:
    """The answer's own numbers, as if lme4's defaults had found the very optimum."""
    found = Reported(
        messages=(),
        fixed=answer.fixed,
        random=answer.random,
        criterion=answer.fit.criterion,
        theta=answer.theta,
        singular=answer.singular,
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def with_defaults(answer: Estimates, printed: Estimates | None = None) -> Estimates:
    return replace(answer, reported=defaults(printed or answer))


def test_every_number_that_is_printed_has_a_row() -> None:
    python, r = pair()
    rows = reported_rows(KEY, python, with_defaults(r))
    assert [(row.term, row.quantity) for row in rows] == [(n.term, n.quantity) for n in NUMBERS]
    assert {(row.tier, row.model) for row in rows} == {("T3", FORMULA)}
    assert {row.verdict for row in rows} == {Verdict.MATCH}
    assert {row.metric for row in rows} == {"SE", "relative", "absolute", "deviance"}


@pytest.mark.parametrize("side", ["python", "default"])
@pytest.mark.parametrize("number", NUMBERS, ids=lambda n: f"{n.term or 'fit'}-{n.quantity}")
def test_ten_limits_off_is_told_and_a_tenth_is_not(number: EstimateRow, side: str) -> None:
    python, r = pair()
    size = float(number.value)
    record = POLICY.find(number.quantity, "T3", df_method=r.df_method, magnitude=abs(size))
    unit = {"relative": abs(size), "SE": 1.0, "absolute": 1.0, "deviance": 1.0}[record.metric]
    if record.metric == "SE":
        unit = next(e.std_error for e in r.fixed if e.term == number.term)
    assert record.limit is not None
    for steps, beyond in ((10.0, True), (0.1, False)):
        wrong = size + steps * record.limit * unit
        if side == "python":
            rows = reported_rows(
                KEY, with_value(python, number.term, number.quantity, wrong), with_defaults(r)
            )
        else:
            printed = with_value(r, number.term, number.quantity, wrong)
            rows = reported_rows(KEY, python, with_defaults(r, printed))
        (row,) = [x for x in rows if (x.term, x.quantity) == (number.term, number.quantity)]
        assert row.red is beyond, row
        assert row.exit_code == 0
        assert (row.cause != "") is beyond
        if beyond:
            right = next(x.value for x in estimate_rows(r) if x.key == number.key)
            assert f"at the checked optimum r has {float(right)!r}" in row.note


@pytest.mark.parametrize("method", ["residual", "z"])
def test_counted_df_must_be_equal_whatever_the_search_did(method: str) -> None:
    python, r = pair(df_method=method)
    printed = with_value(r, "week", "df", math.nextafter(44.4, 45))
    rows = reported_rows(KEY, python, with_defaults(r, printed))
    assert [(row.term, row.quantity) for row in rows if row.red] == [("week", "df")]


def test_a_decision_that_flips_is_told() -> None:
    python, r = pair()
    printed = with_value(r, "treatmentBtheB", "p_value", 0.0501)
    rows = reported_rows(KEY, with_value(python, "treatmentBtheB", "p_value", 0.0499),
                         with_defaults(r, printed))  # fmt: skip
    (row,) = [row for row in rows if row.red]
    assert row.verdict is Verdict.DECISION_FLIPS


def test_on_the_boundary_df_are_neither_right_nor_wrong() -> None:
    python, r = at_boundary(), at_boundary("lme4")
    rows = reported_rows(KEY, python, with_defaults(r, with_value(r, "week", "df", 9.0)))
    found = {row.quantity: row.verdict for row in rows if row.term == "week"}
    assert found["df"] is found["p_value"] is Verdict.BOUNDARY
    assert found["estimate"] is Verdict.MATCH


def test_what_lme4_said_stands_with_the_criterion() -> None:
    python, r = pair()
    r = replace(r, reported=defaults(r, messages=("Model failed to converge with max|grad|",)))
    notes = {row.quantity: row.note for row in reported_rows(KEY, python, r)}
    assert notes["criterion"] == "lme4 says: Model failed to converge with max|grad|"
    assert notes["sigma"] == ""


def test_a_model_that_plain_lmer_refuses_is_one_row() -> None:
    python, r = pair()
    r = replace(r, reported=Reported(("boundary", "Downdated VtV is not positive definite")))
    (row,) = reported_rows(KEY, python, r)
    assert row.verdict is Verdict.NOT_COMPUTED
    assert row.note == "lme4 by default: Downdated VtV is not positive definite"
    assert row.exit_code == 0


@pytest.mark.parametrize("left_out", ["python", "r", "defaults"])
def test_nothing_is_said_where_somebody_did_not_answer(left_out: str) -> None:
    python, r = pair()
    refusal = NotComputed("lme4", "no R")
    given = {
        "python": (refusal, with_defaults(r)),
        "r": (python, refusal),
        "defaults": (python, r),
    }[left_out]
    assert reported_rows(KEY, *given) == ()


def test_no_count_no_verdict_and_no_exit_code_hangs_on_it() -> None:
    python, r = pair()
    printed = with_value(r, "week", "estimate", 99.0)
    told = reported_rows(KEY, python, with_defaults(r, printed))
    assert any(row.red for row in told)
    plain = join([compare_model(KEY, python, r)])
    table = DiffTable(plain.rows, reported=told)
    assert (table.counts, table.red, table.exit_code) == (plain.counts, (), 0)
    assert len(table.to_frame()) == len(plain.rows)


MODERATED = replace(KEY, moderator="age")


def whole(row: DiffRow, label: str, **columns: Any) -> bool:
    """Whether a row has these columns, and the others as every row of this model has them."""
    shared = {
        "analysis": "efficacy",
        "set": "ITT",
        "outcome": "bdi",
        "moderator": "age",
        "model": label or FORMULA,
        "published": None,
        "tier": "T3",
        "df_method": "satterthwaite",
        "exit_code": 0,
        "cause": "",
        "note": "",
        "printed": False,
    }
    return asdict(row) == {**shared, **columns}


@pytest.mark.parametrize("label", ["", "a label"])
def test_a_whole_row_beyond_its_limit_and_one_within(label: str) -> None:
    python, r = pair()
    printed = with_value(r, "week", "std_error", 0.42)
    rows = reported_rows(MODERATED, python, with_defaults(r, printed), label=label)
    by_key = {(row.term, row.quantity): row for row in rows}
    assert whole(
        by_key["week", "std_error"],
        label,
        term="week",
        quantity="std_error",
        python=0.21,
        r=0.42,
        delta=1.0,
        metric="relative",
        limit=1e-4,
        verdict=Verdict.DIFFERS,
        cause="lme4's default search ended elsewhere",
        note="at the checked optimum r has 0.21",
    )
    assert whole(
        by_key["sigma", "sigma"],
        label,
        term="sigma",
        quantity="sigma",
        python=5.25,
        r=5.25,
        delta=0.0,
        metric="relative",
        limit=1e-3,
        verdict=Verdict.MATCH,
    )


@pytest.mark.parametrize("label", ["", "a label"])
def test_a_whole_row_of_a_model_that_plain_lmer_refuses(label: str) -> None:
    python, r = pair()
    said = "boundary", "singular", "Downdated VtV is not positive definite"
    for messages, note in ((said, said[-1]), ((), "no answer")):
        refused = replace(r, reported=Reported(messages))
        (row,) = reported_rows(MODERATED, python, refused, label=label)
        assert whole(
            row,
            label,
            term="",
            quantity="criterion",
            python=None,
            r=None,
            delta=None,
            metric="",
            limit=None,
            verdict=Verdict.NOT_COMPUTED,
            note=f"lme4 by default: {note}",
        )


def test_everything_there_is_to_say_of_a_number_is_said_in_turn() -> None:
    python, r = pair()
    printed = with_value(r, "", "criterion", 1235.5)
    r = replace(r, reported=defaults(printed, messages=("boundary", "failed to converge")))
    notes = {row.quantity: row.note for row in reported_rows(KEY, python, r)}
    assert notes["criterion"] == (
        "at the checked optimum r has 1234.5; lme4 says: boundary; failed to converge"
    )


def test_a_default_that_calls_itself_singular_is_a_boundary_fit() -> None:
    python, r = pair()
    singular = replace(r, reported=defaults(r, singular=True))
    rows = reported_rows(KEY, python, singular)
    found = {row.quantity: row for row in rows if row.term == "week"}
    assert found["df"].verdict is Verdict.BOUNDARY
    assert found["df"].note == "boundary fit: r calls it singular"


def test_what_was_asked_besides_is_not_what_plain_lmer_prints() -> None:
    asked = {
        **besides(),
        "slopes": (SimpleSlope("slope(a by z=1)", 0.5, 0.2, 44.0, 2.5, 0.02, 0.1, 0.9),),
        "lower_bounds": (LowerBound("jn(a by z, inside, low)", 1.25, 0.5, 44.0),),
        "upper_bounds": (UpperBound("jn(a by z, inside, high)", 2.25, 0.5, 44.0),),
    }
    python, r = pair(**asked)
    rows = reported_rows(KEY, python, with_defaults(r))
    assert [(row.term, row.quantity) for row in rows] == [(n.term, n.quantity) for n in NUMBERS]
