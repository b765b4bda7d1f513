"""Means, contrasts, tests of terms and effect sizes in the diff table: joined, held, told of."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from estimates_by_hand import KEY, at_boundary, besides, pair, with_value

from harness.compare import CrossCheck, DiffTable, Verdict, compare_model
from harness.compare.rows import DiffRow
from harness.estimates import EstimateRow, estimate_rows
from harness.models.inference import LowerBound, UpperBound, quantities
from harness.models.record import Estimates, ReferenceQuality

ROWS = [
    EstimateRow(row.term, name, getattr(row, name))
    for rows in besides().values()
    for row in rows
    for name in quantities(row)
]
NUMBERS = [row for row in ROWS if not math.isnan(float(row.value))]


def named(row: Any) -> str:
    return f"{row.quantity} of {row.term}" if isinstance(row, EstimateRow) else ""


def of(rows: tuple[DiffRow, ...], term: str, quantity: str) -> DiffRow:
    (row,) = [r for r in rows if (r.term, r.quantity, r.tier) == (term, quantity, "T2")]
    return row


def test_every_number_is_a_row_of_its_own() -> None:
    python, r = pair(**besides())
    rows = compare_model(KEY, python, r)
    assert {row.verdict for row in rows} == {Verdict.MATCH}
    bare = compare_model(KEY, *pair())
    assert [(row.term, row.quantity) for row in rows[len(bare) :]] == [
        (row.term, row.quantity) for row in ROWS
    ]
    assert len(ROWS) == 2 * 5 + 7 + 4 + 3


def test_a_mean_that_neither_side_has_says_so() -> None:
    row = of(compare_model(KEY, *pair(**besides())), "treatment=BtheB, week=2", "emmean")
    assert (row.verdict, row.note) == (Verdict.MATCH, "NaN on both sides")


@pytest.mark.parametrize("side", [0, 1], ids=["python", "r"])
@pytest.mark.parametrize("number", NUMBERS, ids=named)
class TestEveryNumber:
    def sides(self, number: EstimateRow, side: int, value: float) -> tuple[Estimates, Estimates]:
        both = list(pair(**besides()))
        both[side] = with_value(both[side], number.term, number.quantity, value)
        return both[0], both[1]

    def off_by(self, number: EstimateRow, side: int, limits: float) -> DiffRow:
        """The row when the number is off by so many of its limits."""
        row = of(compare_model(KEY, *pair(**besides())), number.term, number.quantity)
        assert row.limit is not None
        value = float(number.value)
        unit = 1.0
        if row.metric == "relative":
            unit = abs(value)
        elif row.metric == "SE" and number.quantity != "statistic":
            unit = 1.4 if number.term.startswith("treatment=") else 1.9
        off = value + limits * (row.limit or 0.1) * unit
        changed = compare_model(KEY, *self.sides(number, side, off))
        return of(changed, number.term, number.quantity)

    def test_ten_limits_off_is_red(self, number: EstimateRow, side: int) -> None:
        assert self.off_by(number, side, 10.0).red

    def test_a_tenth_of_a_limit_is_not(self, number: EstimateRow, side: int) -> None:
        if number.quantity != "num_df":  # exact
            assert not self.off_by(number, side, 0.1).red

    def test_no_number_against_one_is_red(self, number: EstimateRow, side: int) -> None:
        rows = compare_model(KEY, *self.sides(number, side, math.nan))
        assert of(rows, number.term, number.quantity).red


def test_a_contrast_and_its_effect_size_do_not_hide_each_other() -> None:
    python, r = pair(**besides())
    off = with_value(r, "BtheB - TAU | week=2", "d_low", 0.01)
    (row,) = [row for row in compare_model(KEY, python, off) if row.red]
    assert (row.quantity, row.verdict) == ("d_low", Verdict.DECISION_FLIPS)
    assert row.note == "the interval excludes 0 on one side only"


def test_on_the_boundary_what_hangs_on_satterthwaite_df_is_no_finding() -> None:
    python = at_boundary("port", **besides())
    r = at_boundary("lme4", quality=ReferenceQuality(clean=True), **besides())
    rows = compare_model(KEY, python, r)
    mean, contrast, test = "treatment=TAU, week=2", "BtheB - TAU | week=2", "anova(treatment)"
    free = [(mean, "df"), (mean, "conf_low"), (contrast, "p_value"), (test, "den_df")]
    free += [(test, "p_value"), (contrast, "d_low"), (contrast, "d_high")]
    held = [(mean, "emmean"), (mean, "std_error"), (contrast, "contrast"), (contrast, "d")]
    held += [(test, "num_df"), (test, "f_value")]
    assert {of(rows, *key).verdict for key in free} == {Verdict.BOUNDARY}
    assert {of(rows, *key).verdict for key in held} == {Verdict.MATCH}


class TestOnlyOneSide:
    def test_a_part_that_r_refused_says_why(self) -> None:
        python, r = pair(**besides())
        r = replace(r, anova=(), refused={"anova": "not unique here"})
        rows = compare_model(KEY, python, r)
        lonely = [row for row in rows if row.red]
        assert {row.term for row in lonely} == {"anova(treatment)"}
        assert {(row.verdict, row.note) for row in lonely} == {
            (Verdict.PYTHON_ONLY, "r: not unique here")
        }
        assert DiffTable(rows).exit_code == 1

    def test_of_a_contrast_only_the_refused_effect_size_says_why(self) -> None:
        python, r = pair(**besides())
        python = replace(python, effect_sizes=(), refused={"effect_size": "no baseline"})
        lonely = [row for row in compare_model(KEY, python, r) if row.red]
        assert [row.quantity for row in lonely] == ["d", "d_low", "d_high"]
        assert {row.note for row in lonely} == {"python: no baseline"}
        python = replace(python, contrasts=())
        notes = {row.quantity: row.note for row in compare_model(KEY, python, r) if row.red}
        assert notes["contrast"] == "python has no such row"
        assert notes["d"] == "python: no baseline"
        python = replace(python, refused={"contrasts": "no contrast", "effect_size": "no baseline"})
        notes = {row.quantity: row.note for row in compare_model(KEY, python, r) if row.red}
        assert notes["contrast"] == notes["p_value"] == "python: no contrast"
        assert notes["d"] == notes["d_high"] == "python: no baseline"

    def test_a_region_that_r_refused_says_why(self) -> None:
        region = {
            "lower_bounds": (LowerBound("jn(a by z, inside, low)", 1.25, 0.5, 44.0),),
            "upper_bounds": (UpperBound("jn(a by z, inside, high)", 2.5, 0.5, 44.0),),
        }
        python, r = pair(**region)
        refused = {"johnson_neyman": "the moderator has one value"}
        r = replace(r, lower_bounds=(), upper_bounds=(), refused=refused)
        lonely = [row for row in compare_model(KEY, python, r) if row.red]
        assert {row.quantity for row in lonely} >= {"jn_low", "jn_high"}
        assert {(row.verdict, row.note) for row in lonely} == {
            (Verdict.PYTHON_ONLY, "r: the moderator has one value")
        }

    def test_a_part_that_neither_side_has_is_not_dropped(self) -> None:
        refused = {"effect_size": "no baseline"}
        python, r = pair(**{**besides(), "effect_sizes": (), "refused": refused})
        rows = compare_model(KEY, python, replace(r, refused={"effect_size": "none here"}))
        (row,) = [row for row in rows if row.red]
        assert (row.term, row.quantity, row.verdict) == ("effect_size", "d", Verdict.NOT_COMPUTED)
        assert row.note == "python: no baseline; r: none here"
        assert (row.python, row.r, row.exit_code) == (None, None, 4)

    def test_an_engine_that_does_not_know_the_question_is_red(self) -> None:
        python, r = pair(**besides())
        rows = compare_model(KEY, python, replace(r, emmeans=None))
        lonely = {row.verdict for row in rows if "treatment=" in row.term}
        assert lonely == {Verdict.PYTHON_ONLY}


def test_at_one_theta_means_and_contrasts_are_held_to_the_last_digits() -> None:
    python, r = pair(**besides())
    at_r = with_value(python, "BtheB - TAU | week=2", "contrast", -4.2 + 1.9e-8)
    cross = CrossCheck(r.fit.criterion, r.fit.criterion, numbers_at_r=at_r)
    rows = [row for row in compare_model(KEY, python, r, cross) if row.tier == "T1"]
    (row,) = [row for row in rows if row.quantity == "contrast"]
    assert row.verdict is Verdict.DIFFERS
    assert row.delta == pytest.approx(1e-8, rel=1e-6)
    (row,) = [row for row in rows if row.quantity == "emmean"]
    assert (row.verdict, row.metric, row.limit) == (Verdict.MATCH, "SE", 1e-9)


def test_rows_of_an_answer_keep_their_order() -> None:
    python, _ = pair(**besides())
    assert [row.key[:2] for row in estimate_rows(python)[-len(ROWS) :]] == [
        (row.term, row.quantity) for row in ROWS
    ]
