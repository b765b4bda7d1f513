"""The comparator is fed wrong numbers: ten limits off must be red, a tenth of one must not.

A comparison that never fails looks like one that always holds; this is where it has to fail.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from estimates_by_hand import KEY, at_boundary, column, estimates, pair, problem, with_value

from harness.compare import CrossCheck, DiffTable, Verdict, compare_model
from harness.compare.rows import DiffRow
from harness.estimates import EstimateRow, estimate_rows
from harness.models.record import Estimates, RandomEffect

Sabotage = Callable[[Callable[[Estimates], Estimates]], tuple[Estimates, Estimates]]

AGREED = CrossCheck(python_at_r=1234.5, python_at_python=1234.5, r_at_python=1234.5)


def red(python: Estimates, r: Estimates) -> list[tuple[str, str]]:
    table = DiffTable(compare_model(KEY, python, r, AGREED))
    assert (table.exit_code == 0) == (not table.red)
    return [(row.term, row.quantity) for row in table.red]


def row_of(python: Estimates, r: Estimates, key: tuple[str, str]) -> DiffRow:
    rows = compare_model(KEY, python, r, None)
    (row,) = [row for row in rows if (row.term, row.quantity) == key]
    return row


def unit_of(row: DiffRow, number: EstimateRow, answer: Estimates) -> float:
    """How much of the number's own unit one unit of the row's metric is."""
    if row.metric == "relative":
        return abs(float(number.value))
    if row.metric == "SE" and number.quantity != "statistic":
        return next(e.std_error for e in answer.fixed if e.term == number.term)
    return 1.0


CONTINUOUS = [
    row
    for row in estimate_rows(estimates())
    if row.quantity not in ("n_obs", "n_groups", "singular", "converged")
]


def name(value: object) -> str:
    return f"{value.term or 'fit'}-{value.quantity}" if isinstance(value, EstimateRow) else ""


@pytest.mark.parametrize("sign", [1, -1], ids=["up", "down"])
@pytest.mark.parametrize("side", ["python", "r"])
@pytest.mark.parametrize("number", CONTINUOUS, ids=name)
class TestEveryNumber:
    def mutated(
        self, number: EstimateRow, side: str, steps: float
    ) -> tuple[Estimates, Estimates, tuple[str, str]]:
        python, r = pair()
        key = (number.term, number.quantity)
        row = row_of(python, r, key)
        assert row.limit is not None
        assert row.limit > 0
        step = row.limit * unit_of(row, number, r)
        wrong = float(number.value) + steps * step
        if side == "python":
            return with_value(python, *key, wrong), r, key
        return python, with_value(r, *key, wrong), key

    def test_ten_limits_off_is_red(self, number: EstimateRow, side: str, sign: int) -> None:
        python, r, key = self.mutated(number, side, 10 * sign)
        assert key in red(python, r)

    def test_a_tenth_of_the_limit_is_not(self, number: EstimateRow, side: str, sign: int) -> None:
        python, r, _ = self.mutated(number, side, 0.1 * sign)
        assert red(python, r) == []


@pytest.mark.parametrize(
    ("factor", "verdict"), [(0.9999, Verdict.MATCH), (1.0001, Verdict.DIFFERS)]
)
def test_the_limit_is_where_the_policy_puts_it(factor: float, verdict: Verdict) -> None:
    python, r = pair()
    wrong = with_value(python, "sigma", "sigma", 5.25 * (1 + 1e-6 * factor))
    assert row_of(wrong, r, ("sigma", "sigma")).verdict is verdict


@pytest.mark.parametrize(
    ("term", "quantity", "value"),
    [
        ("", "n_obs", 7),
        ("subject", "n_groups", 4),
        ("", "converged", False),
        ("", "singular", True),
    ],
)
def test_a_count_or_flag_that_differs_by_one_step_is_red(
    term: str, quantity: str, value: int
) -> None:
    python, r = pair()
    assert (term, quantity) in red(with_value(python, term, quantity, value), r)
    assert (term, quantity) in red(python, with_value(r, term, quantity, value))


@pytest.mark.parametrize("method", ["residual", "z"])
def test_counted_df_must_be_exact(method: str) -> None:
    python, r = pair(df_method=method)
    wrong = with_value(python, "week", "df", math.nextafter(44.4, 45))
    assert ("week", "df") in red(wrong, r)


def test_kenward_roger_df_are_held_tighter_than_satterthwaite() -> None:
    python, r = pair(df_method="kenward-roger")
    assert red(with_value(python, "week", "df", 44.4 * (1 + 0.9e-5)), r) == []
    assert ("week", "df") in red(with_value(python, "week", "df", 44.4 * (1 + 1.1e-5)), r)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf], ids=str)
@pytest.mark.parametrize("number", CONTINUOUS, ids=name)
def test_no_number_on_one_side_is_red(number: EstimateRow, bad: float) -> None:
    key = (number.term, number.quantity)
    python, r = pair()
    assert key in red(with_value(python, *key, bad), r)
    assert key in red(python, with_value(r, *key, bad))


@pytest.mark.parametrize("number", CONTINUOUS, ids=name)
def test_no_number_on_either_side_is_equal_and_said_so(number: EstimateRow) -> None:
    key = (number.term, number.quantity)
    python, r = (with_value(side, *key, math.nan) for side in pair())
    row = row_of(python, r, key)
    assert row.delta == 0
    assert "NaN on both sides" in row.note


def test_infinite_df_on_both_sides_are_equal() -> None:
    python, r = (with_value(side, "week", "df", math.inf) for side in pair(df_method="z"))
    assert red(python, r) == []


@pytest.mark.parametrize("quantity", ["estimate", "std_error"])
def test_a_standard_error_of_zero_excuses_nothing(quantity: str) -> None:
    python, r = (with_value(side, "week", "std_error", 0.0) for side in pair())
    wrong = with_value(python, "week", quantity, -0.31 + 1e-9)
    assert ("week", quantity) in red(wrong, r)


def test_an_inflated_standard_error_cannot_excuse_the_estimate() -> None:
    python, r = pair()
    r = with_value(r, "week", "std_error", 1e6)
    assert {("week", "estimate"), ("week", "std_error")} <= set(
        red(with_value(python, "week", "estimate", -0.32), r)
    )


def test_an_inflated_interval_cannot_widen_its_own_limit() -> None:
    python, r = pair()
    r = with_value(r, "week", "conf_high", 1e6)
    python = with_value(python, "week", "conf_low", -0.9)
    assert {("week", "conf_low"), ("week", "conf_high")} <= set(red(python, r))


@pytest.mark.parametrize("p", [1e-12, 1e-30, 1e-300])
def test_tiny_p_values_are_held_on_the_log_scale(p: float) -> None:
    python, r = (with_value(side, "week", "p_value", p) for side in pair())
    assert red(with_value(python, "week", "p_value", p * 10**0.9e-3), r) == []
    assert ("week", "p_value") in red(with_value(python, "week", "p_value", p * 10**1.1e-3), r)


def test_across_1e_4_the_larger_p_decides_how_both_are_held() -> None:
    python, r = pair()
    python = with_value(python, "week", "p_value", 1.003e-4)
    r = with_value(r, "week", "p_value", 9.99e-5)
    row = row_of(python, r, ("week", "p_value"))
    assert (row.metric, row.verdict) == ("absolute", Verdict.MATCH)


def test_a_statistic_is_in_standard_errors_already() -> None:
    python, r = pair()
    row = row_of(
        with_value(python, "week", "statistic", r.fixed[2].statistic + 1e-3),
        r,
        ("week", "statistic"),
    )
    assert row.delta == pytest.approx(1e-3)
    assert row.limit == pytest.approx(1e-6 * (1 + 0.31 / 0.21), rel=1e-3)


@pytest.fixture(params=[0, 1], ids=["python", "r"])
def sabotage(request: pytest.FixtureRequest) -> Sabotage:
    """Two equal answers of which the given change has damaged one."""

    def damaged(change: Callable[[Estimates], Estimates]) -> tuple[Estimates, Estimates]:
        answers = list(pair())
        answers[request.param] = change(answers[request.param])
        return answers[0], answers[1]

    return damaged


class TestStructure:
    def test_swapped_names(self, sabotage: Sabotage) -> None:
        a, b = estimates().fixed[1:3]

        def change(side: Estimates) -> Estimates:
            first, one, two, last = side.fixed
            swapped = (replace(one, term=two.term), replace(two, term=one.term))
            return replace(side, fixed=(first, *swapped, last))

        found = set(red(*sabotage(change)))
        for term in (a.term, b.term):
            assert {(term, q) for q in ("estimate", "std_error", "df", "p_value")} <= found

    def test_swapped_components(self, sabotage: Sabotage) -> None:
        first, second, *rest = estimates().random
        swapped = (replace(first, term=second.term), replace(second, term=first.term), *rest)
        found = set(red(*sabotage(lambda side: replace(side, random=swapped))))
        assert {(first.term, "sd"), (second.term, "sd")} <= found

    @pytest.mark.parametrize("side", [0, 1], ids=["python", "r"])
    def test_a_missing_coefficient(self, side: int) -> None:
        answers = list(pair())
        answers[side] = replace(answers[side], fixed=answers[side].fixed[:-1])
        found = red(*answers)
        assert len(found) == 7
        assert {term for term, _ in found} == {"log(dose)"}

    @pytest.mark.parametrize("side", [0, 1], ids=["python", "r"])
    def test_an_extra_component(self, side: int) -> None:
        answers = list(pair())
        extra = RandomEffect("sd(site:(Intercept))", 0.0)
        answers[side] = replace(answers[side], random=(*answers[side].random, extra))
        assert red(*answers) == [("sd(site:(Intercept))", "sd")]

    def test_a_coefficient_listed_twice_cannot_hide_a_wrong_one(self, sabotage: Sabotage) -> None:
        fixed = estimates().fixed
        wrong = replace(fixed[2], estimate=99.0)
        for listed in ((*fixed, wrong), (wrong, *fixed)):
            changed = sabotage(lambda side, listed=listed: replace(side, fixed=listed))
            assert ("week", "estimate") in red(*changed)

    def test_another_order_of_columns(self, sabotage: Sabotage) -> None:
        x = problem().x
        permuted = problem(x=(x[0], x[2], x[1], x[3]))
        answers = sabotage(lambda side: replace(side, problem=permuted))
        rows = compare_model(KEY, *answers, AGREED)
        assert {row.verdict for row in rows} == {Verdict.DIFFERENT_MODEL}

    def test_values_in_another_order_under_the_same_names(self, sabotage: Sabotage) -> None:
        fixed = estimates().fixed
        names = [row.term for row in fixed]
        shifted = zip([*fixed[1:], fixed[0]], names, strict=True)
        wrong = tuple(replace(row, term=term) for row, term in shifted)
        found = set(red(*sabotage(lambda side: replace(side, fixed=wrong))))
        assert {(term, "estimate") for term in names} <= found

    def test_rows_in_another_order_under_their_own_names_are_no_difference(
        self, sabotage: Sabotage
    ) -> None:
        def reversed_(side: Estimates) -> Estimates:
            return replace(side, fixed=side.fixed[::-1], random=side.random[::-1])

        assert red(*sabotage(reversed_)) == []

    def test_a_change_of_unit_of_the_response(self, sabotage: Sabotage) -> None:
        scaled = column("bdi", [10 * v for v in (20.0, 11.0, 25.5, 9.0, 31.0, 28.0)])
        answers = sabotage(lambda side: replace(side, problem=problem(y=scaled)))
        rows = compare_model(KEY, *answers, None)
        assert {row.verdict for row in rows} == {Verdict.DIFFERENT_MODEL}
        assert "`bdi` of the response differs" in rows[0].note

    def test_a_change_of_unit_of_a_predictor(self, sabotage: Sabotage) -> None:
        """Weeks to days: the coefficient and its standard error are a seventh, t is what it was."""

        def days(side: Estimates) -> Estimates:
            fixed = tuple(
                replace(
                    row,
                    estimate=row.estimate / 7,
                    std_error=row.std_error / 7,
                    conf_low=row.conf_low / 7,
                    conf_high=row.conf_high / 7,
                )
                if row.term == "week"
                else row
                for row in side.fixed
            )
            return replace(side, fixed=fixed, problem=None)

        found = set(red(*sabotage(days)))
        quantities = ("estimate", "std_error", "conf_low", "conf_high")
        assert found == {("week", quantity) for quantity in quantities}

    def test_a_change_of_unit_without_prints(self) -> None:
        python, r = (replace(side, problem=None) for side in pair())
        fixed = tuple(
            replace(
                row,
                estimate=10 * row.estimate,
                std_error=10 * row.std_error,
                conf_low=10 * row.conf_low,
                conf_high=10 * row.conf_high,
            )
            for row in python.fixed
        )
        random = tuple(
            part if part.term.startswith("cor") else replace(part, estimate=10 * part.estimate)
            for part in python.random
        )
        found = set(red(replace(python, fixed=fixed, random=random), r))
        assert {(row.term, "estimate") for row in fixed} <= found
        assert {(row.term, "std_error") for row in fixed} <= found
        assert ("sigma", "sigma") in found
        assert ("sd(subject:week)", "sd") in found

    def test_ml_for_reml(self, sabotage: Sabotage) -> None:
        answers = sabotage(lambda side: replace(side, reml=False))
        assert len(red(*answers)) == len(estimate_rows(estimates())) + 1


class TestBoundary:
    """The boundary rule must not become a way out for what is still held."""

    @pytest.mark.parametrize(
        ("term", "quantity", "wrong"),
        [
            ("week", "estimate", -0.31 + 0.21 * 1e-5),
            ("week", "std_error", 0.21 * (1 + 1e-5)),
            ("week", "statistic", -1.47),
            ("", "criterion", 1234.5 + 1e-7),
            ("", "loglik", -617.25 + 1e-6),
            ("sigma", "sigma", 5.25 * (1 + 1e-5)),
            ("sd(subject:week)", "sd", 5.25e-2),
            ("sd(subject:week)", "sd", math.nan),
        ],
    )
    def test_is_still_red(self, term: str, quantity: str, wrong: float) -> None:
        python, r = at_boundary("port"), at_boundary("lme4")
        assert red(python, r) == []
        assert (term, quantity) in red(with_value(python, term, quantity, wrong), r)
        assert (term, quantity) in red(python, with_value(r, term, quantity, wrong))

    def test_an_interior_fit_gets_no_boundary_verdict(self) -> None:
        assert Verdict.BOUNDARY not in DiffTable(compare_model(KEY, *pair(), AGREED)).counts
