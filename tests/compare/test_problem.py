from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from estimates_by_hand import KEY, column, estimates, pair, problem

from harness.compare import Verdict, compare_model
from harness.compare.problem import compare_prints, equal_up_to_rounding, same_problem
from harness.models.record import ColumnPrint

ROUNDING = 1e-14


def differing(**changes: Any) -> str:
    return compare_prints(problem(), problem(**changes), ROUNDING, mixed=True).difference


DOSE = [math.log(v) for v in (1.5, 2.5, 3.5, 4.5, 5.5, 6.5)]


def x_with(place: int, new: Any) -> tuple[Any, ...]:
    columns = list(problem().x)
    columns[place] = new
    return tuple(columns)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_obs": 5}, "6 rows in python's design, 5 in r's"),
        ({"groups": {"subject": 2}}, "subject (3) in python's design, subject (2) in r's"),
        ({"reml": False}, "REML in python, ML in r"),
        ({"levels": {"treatment": ("BtheB", "TAU")}}, "TAU < BtheB in python, BtheB < TAU in r"),
        ({"levels": {}}, "levels of treatment: TAU < BtheB in python, not a factor of X in r"),
        (
            {"x": tuple(problem().x[i] for i in (0, 2, 1, 3))},
            "column 2 of X is `treatmentBtheB` in python, `week` in r",
        ),
        ({"x": problem().x[:3]}, "X has 4 columns in python, 3 in r"),
        (
            {"x": x_with(2, column("week", [0, 2, 0, 2, 0, 3]))},
            "`week` of X differs (sums 6.0 and 7.0)",
        ),
        (
            {"x": x_with(2, column("week", [0, 2, 2, 0, 0, 2]))},
            "`week` of X differs (same sum, entries differ)",
        ),
        (
            {"y": column("bdi", [20.0, 11.0, 25.5, 9.0, 31.0, 28.5])},
            "`bdi` of the response differs",
        ),
        ({"y": replace(problem().y, name="log(bdi)")}, "the response is `bdi` in python"),
        ({"z": (column("subject", [1, 1, 2, 2, 3, 1]),)}, "of the grouping factor subject differ"),
        ({"z": (column("patient", [1, 1, 2, 2, 3, 3]),)}, "grouping factors have different names"),
        ({"z": ()}, "grouping factors have different names"),
        ({"weights": column("w", [1, 2, 1, 2, 1, 2])}, "weights in r only"),
        ({"offset": column("log(t)", [0, 1, 0, 1, 0, 1])}, "offset in r only"),
    ],
)
def test_the_first_thing_that_differs_is_named(changes: dict[str, Any], message: str) -> None:
    assert message in differing(**changes)


def test_equal_prints_are_the_same_problem() -> None:
    found = compare_prints(problem(), problem(), ROUNDING, mixed=True)
    assert found.same
    assert found.remarks == ()


class TestLastBits:
    """A column a call made may differ by rounding; any other column must not."""

    nudged = tuple(math.nextafter(v, 9) for v in DOSE)

    def test_a_computed_column_may(self) -> None:
        found = compare_prints(
            problem(),
            problem(x=x_with(3, column("log(dose)", list(self.nudged)))),
            ROUNDING,
            mixed=True,
        )
        assert found.same
        assert found.remarks == ("`log(dose)` of X is equal up to rounding",)

    def test_a_plain_column_may_not(self) -> None:
        left = problem(x=x_with(3, column("dose", DOSE)))
        right = problem(x=x_with(3, column("dose", list(self.nudged))))
        found = compare_prints(left, right, ROUNDING, mixed=True)
        assert "`dose` of X differs" in found.difference

    def test_the_intercept_may_not(self) -> None:
        ones = [1.0] * 5 + [math.nextafter(1.0, 2)]
        assert "`(Intercept)` of X differs" in differing(x=x_with(0, column("(Intercept)", ones)))

    def test_more_than_rounding_may_not(self) -> None:
        moved = [*DOSE[:5], DOSE[5] * (1 + 1e-12)]
        message = differing(x=x_with(3, column("log(dose)", moved)))
        assert "`log(dose)` of X differs by more than rounding" in message

    def test_swapped_rows_of_a_computed_column_may_not(self) -> None:
        swapped = [DOSE[1], DOSE[0], *DOSE[2:]]
        assert "more than rounding" in differing(x=x_with(3, column("log(dose)", swapped)))

    def test_a_centred_column_sums_to_noise_and_still_may(self) -> None:
        mean = math.fsum(DOSE) / 6
        centred = [v - mean for v in DOSE]
        other = [math.nextafter(v, 9) for v in centred]
        left = problem(x=x_with(3, column("scale(dose)", centred)))
        right = problem(x=x_with(3, column("scale(dose)", other)))
        assert compare_prints(left, right, ROUNDING, mixed=True).same

    def test_a_print_without_size_is_held_more_strictly(self) -> None:
        bare = replace(column("log(dose)", list(self.nudged)), size=math.nan)
        left = problem(x=x_with(3, replace(problem().x[3], size=math.nan)))
        assert compare_prints(left, problem(x=x_with(3, bare)), ROUNDING, mixed=True).same

    def test_a_computed_column_of_nan_never_passes(self) -> None:
        nan = replace(column("log(dose)", DOSE), sha256="0", total=math.nan)
        assert "more than rounding" in differing(x=x_with(3, nan))


def test_without_prints_counts_criterion_and_names_still_count() -> None:
    python, r = estimates("port", problem=None), estimates("lme4")
    found = same_problem(python, r, ROUNDING)
    assert found.same
    assert found.remarks == ("no print of the design from python: only counts compared",)
    assert same_problem(replace(python, n_obs=5), r, ROUNDING).difference == (
        "5 rows in python, 6 in r"
    )
    assert "REML in python, ML in r" in same_problem(python, replace(r, reml=False), 0).difference
    assert "none in r" in same_problem(python, replace(r, groups={}), ROUNDING).difference


def test_the_reml_flag_of_a_linear_model_means_nothing() -> None:
    python = estimates("port", groups={}, random=(), problem=problem(groups={}, z=(), reml=False))
    r = estimates("lm", groups={}, random=(), problem=problem(groups={}, z=()), reml=False)
    assert same_problem(python, r, ROUNDING).same


def test_a_different_model_is_never_a_numeric_difference() -> None:
    python, r = pair()
    r = replace(r, problem=problem(levels={"treatment": ("BtheB", "TAU")}))
    rows = compare_model(KEY, python, r, None)
    assert {row.verdict for row in rows} == {Verdict.DIFFERENT_MODEL}
    assert "levels of treatment: TAU < BtheB in python, BtheB < TAU in r" in rows[0].note
    assert {row.exit_code for row in rows} == {1}
    assert all(row.cause.startswith("different model: levels of treatment") for row in rows)


def test_another_order_of_rows_with_the_right_names_is_only_remarked_on() -> None:
    python, r = pair()
    python = replace(python, fixed=python.fixed[::-1])
    rows = compare_model(KEY, python, r, None)
    assert {row.verdict for row in rows} == {Verdict.MATCH}
    assert "listed in another order; joined by name" in rows[0].note


@pytest.mark.parametrize("part", ["weights", "offset"])
def test_weights_and_offsets_are_part_of_the_problem(part: str) -> None:
    ours = problem(**{part: column("w", [1, 2, 1, 2, 1, 2])})

    def told(theirs: Any) -> str:
        return compare_prints(ours, theirs, ROUNDING, mixed=True).difference

    assert told(ours) == ""
    assert told(problem()) == f"{part} in python only"
    other = problem(**{part: column("w", [1, 2, 2, 1, 1, 2])})
    assert told(other) == f"`w` of the {part} differs (same sum, entries differ)"
    renamed = problem(**{part: column("v", [1, 2, 1, 2, 1, 2])})
    assert told(renamed) == f"{part}: `w` in python, `v` in r"


@pytest.mark.parametrize("name", ["time.L", "time.Q:arm1", "time^4", "arm1:time^12", "log(x)"])
def test_calculated_columns_may_differ_in_the_last_bits(name: str) -> None:
    third = [1 / 3, 0.2, 0.1, 0.7, 0.9, 0.6]
    left = problem(x=x_with(3, column(name, third)))
    nearly = [math.nextafter(value, 1) for value in third]
    found = compare_prints(left, problem(x=x_with(3, column(name, nearly))), 1e-14, mixed=True)
    assert found.remarks == (f"`{name}` of X is equal up to rounding",)
    more = [value + 1e-9 for value in third]
    far = compare_prints(left, problem(x=x_with(3, column(name, more))), 1e-14, mixed=True)
    assert "by more than rounding" in far.difference


@pytest.mark.parametrize("name", ["time.Lx", "timeL", "x^y", "arm1"])
def test_other_columns_may_not(name: str) -> None:
    third = [1 / 3, 0.2, 0.1, 0.7, 0.9, 0.6]
    left = problem(x=x_with(3, column(name, third)))
    nearly = [math.nextafter(value, 1) for value in third]
    found = compare_prints(left, problem(x=x_with(3, column(name, nearly))), 1e-14, mixed=True)
    assert found.difference.startswith(f"`{name}` of X differs")


def bare(name: str, total: float, moment: float, size: float = math.nan) -> ColumnPrint:
    return ColumnPrint(name, "", total, moment, size)


class TestSumsUpToRounding:
    """The scale is the sum of absolute entries, or what bounds it from below."""

    def equal(self, python: ColumnPrint, r: ColumnPrint, n: int = 10) -> bool:
        both = [equal_up_to_rounding(*pair, n, 1e-3) for pair in ((python, r), (r, python))]
        assert both[0] == both[1] or math.isnan(python.size)
        return both[0]

    def test_the_larger_size_is_the_scale(self) -> None:
        assert self.equal(bare("c", 0.0, 0.0, 100.0), bare("c", 0.1, 0.0, 1.0))
        assert self.equal(bare("c", 0.0, 0.0, 100.0), bare("c", 0.1, 0.0))
        assert not self.equal(bare("c", 0.0, 0.0, 100.0), bare("c", 0.1001, 0.0, 1.0))

    def test_a_moment_may_be_off_by_as_many_rows_as_there_are(self) -> None:
        assert self.equal(bare("c", 0.0, 0.0, 100.0), bare("c", 0.0, 1.0, 100.0))
        assert not self.equal(bare("c", 0.0, 0.0, 100.0), bare("c", 0.0, 1.001, 100.0))

    def test_without_sizes_the_sums_themselves_are_the_scale(self) -> None:
        assert self.equal(bare("c", 50.04, 0.0), bare("c", 50.0, 0.0))
        assert not self.equal(bare("c", 50.06, 0.0), bare("c", 50.0, 0.0))
        # The moment over the rows: 500 / 10.
        assert self.equal(bare("c", 0.04, 500.0), bare("c", 0.0, 500.0))
        assert not self.equal(bare("c", 0.06, 500.0), bare("c", 0.0, 500.0))

    def test_one_row_or_none_divides_by_nothing(self) -> None:
        assert equal_up_to_rounding(bare("c", 0.9e-3, 1.0), bare("c", 0.0, 1.0), 1, 1e-3)
        assert not equal_up_to_rounding(bare("c", 1.1e-3, 0.0), bare("c", 0.0, 0.0), 0, 1e-3)
        assert equal_up_to_rounding(bare("c", 0.0, 0.0), bare("c", 0.0, 0.0), 0, 1e-3)

    def test_at_the_limit_is_within(self) -> None:
        assert equal_up_to_rounding(bare("c", 0.0, 0.0, 1.0), bare("c", 0.0, 0.0, 1.0), 3, 0.0)


@pytest.mark.parametrize(
    ("part", "where"), [("y", "the response"), ("weights", "the weights"), ("offset", "the offset")]
)
def test_a_computed_response_weight_or_offset_may_differ_in_the_last_bits(
    part: str, where: str
) -> None:
    nudged = [math.nextafter(v, 9) for v in DOSE]
    python = problem(**{part: column("log(dose)", DOSE)})
    found = compare_prints(
        python, problem(**{part: column("log(dose)", nudged)}), ROUNDING, mixed=True
    )
    assert found.same
    assert found.remarks == (f"`log(dose)` of {where} is equal up to rounding",)
    apart = problem(**{part: column("log(dose)", [v + 1 for v in DOSE])})
    told = compare_prints(python, apart, ROUNDING, mixed=True).difference
    assert told.startswith(f"`log(dose)` of {where} differs by more than rounding (sums ")


def test_long_lists_of_levels_are_cut_after_six() -> None:
    six, seven = (tuple("abcdefg"[:n]) for n in (6, 7))
    told = compare_prints(
        problem(levels={"f": six}), problem(levels={"f": seven}), ROUNDING, mixed=True
    ).difference
    assert told == (
        "levels of f: a < b < c < d < e < f in python, a < b < c < d < e < f ... (7) in r"
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"groups": {"subject": 3, "site": 2}},
            "groups are subject (3) in python's design, subject (3), site (2) in r's",
        ),
        ({"groups": {}}, "groups are subject (3) in python's design, none in r's"),
        ({"reml": False}, "REML in python, ML in r"),
        ({"z": ()}, "the grouping factors have different names"),
        ({"weights": column("w", [1.0] * 6)}, "weights in r only"),
    ],
)
def test_the_difference_word_for_word(changes: dict[str, Any], told: str) -> None:
    assert differing(**changes) == told


def test_ml_on_the_left_is_told_too() -> None:
    found = compare_prints(problem(reml=False), problem(), ROUNDING, mixed=True)
    assert found.difference == "ML in python, REML in r"
    assert compare_prints(problem(reml=False), problem(), ROUNDING, mixed=False).same


class TestWithinAnswers:
    """``same_problem`` on whole answers: the prints count, and a missing one is said."""

    def test_rounding_is_passed_on(self) -> None:
        nudged = problem(x=x_with(3, column("log(dose)", [math.nextafter(v, 9) for v in DOSE])))
        python, r = estimates(problem=nudged), estimates("lme4")
        assert same_problem(python, r, ROUNDING).same
        assert not same_problem(python, r, 1e-20).same

    def test_the_criterion_of_the_print_counts_for_a_mixed_model_only(self) -> None:
        python = estimates(problem=problem(reml=False))
        told = same_problem(python, estimates("lme4"), ROUNDING).difference
        assert told == "ML in python, REML in r"
        no_groups = {"groups": {}, "z": ()}
        plain = [
            estimates(groups={}, problem=problem(**no_groups, reml=flag)) for flag in (False, True)
        ]
        assert same_problem(*plain, ROUNDING).same

    @pytest.mark.parametrize(
        ("silent", "told"), [("python", "python"), ("r", "r"), ("both", "python and r")]
    )
    def test_a_missing_print_is_said(self, silent: str, told: str) -> None:
        sides = [
            estimates(**({"problem": None} if silent in (name, "both") else {}))
            for name in ("python", "r")
        ]
        found = same_problem(*sides, ROUNDING)
        assert found.same
        assert found.difference == ""
        assert found.remarks == (f"no print of the design from {told}: only counts compared",)

    def test_another_order_is_said_and_other_names_are_not(self) -> None:
        fixed = estimates().fixed
        turned = same_problem(estimates(fixed=fixed[::-1]), estimates(), ROUNDING)
        told = "the coefficients are listed in another order; joined by name"
        assert turned.remarks == (told,)
        for sides in ((fixed[:-1], fixed), (fixed, fixed[:-1])):
            fewer = same_problem(*(estimates(fixed=f) for f in sides), ROUNDING)
            assert fewer.remarks == ()

    def test_the_criterion_of_the_answers_counts_without_prints(self) -> None:
        ml, reml = estimates(reml=False, problem=None), estimates(problem=None)
        told = same_problem(ml, reml, ROUNDING).difference
        assert told == "ML in python, REML in r"
        assert same_problem(reml, ml, ROUNDING).difference == "REML in python, ML in r"

    def test_a_comparison_forgives_the_last_bits_of_a_computed_column(self) -> None:
        nudged = problem(x=x_with(3, column("log(dose)", [math.nextafter(v, 9) for v in DOSE])))
        rows = compare_model(KEY, estimates(problem=nudged), estimates("lme4"), None)
        assert {row.verdict for row in rows} == {Verdict.MATCH}
        assert rows[0].note == "`log(dose)` of X is equal up to rounding"
