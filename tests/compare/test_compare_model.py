from __future__ import annotations

import math
from dataclasses import replace

import pytest
from estimates_by_hand import KEY, at_boundary, estimates, pair, with_value

from harness.compare import COLUMNS, CrossCheck, DiffTable, Verdict, compare_model, join
from harness.compare.rows import DiffRow
from harness.estimates import estimate_rows
from harness.models.record import FitStatistics, NotComputed, ReferenceQuality


def found(rows: tuple[DiffRow, ...], term: str, quantity: str, tier: str | None = None) -> DiffRow:
    (row,) = [
        r
        for r in rows
        if (r.term, r.quantity) == (term, quantity) and (tier is None or r.tier == tier)
    ]
    return row


def test_equal_answers_match_in_every_number() -> None:
    python, r = pair()
    rows = compare_model(KEY, python, r, CrossCheck(python_at_r=r.fit.criterion))
    assert {row.verdict for row in rows} == {Verdict.MATCH}
    assert len(rows) == len(estimate_rows(python)) + 1
    assert DiffTable(rows).exit_code == 0
    assert all(row.delta == 0 for row in rows)
    assert found(rows, "", "n_obs").tier == "T0"
    assert found(rows, "", "criterion", "T1").note == "both criteria at r's theta"


def test_a_row_holds_both_values_unit_limit_and_place() -> None:
    python, r = pair()
    python = with_value(python, "week", "estimate", -0.31 + 0.21 * 5e-7)
    row = found(compare_model(KEY, python, r, None), "week", "estimate")
    assert (row.analysis, row.set, row.outcome, row.moderator) == ("efficacy", "ITT", "bdi", "")
    assert row.model == python.formula
    assert row.python == python.fixed[2].estimate
    assert row.r == -0.31
    assert row.delta == pytest.approx(5e-7, rel=1e-6)
    assert (row.metric, row.limit, row.tier) == ("SE", 1e-6, "T2")
    assert row.share == pytest.approx(0.5, rel=1e-6)
    assert row.verdict is Verdict.MATCH


def test_columns_are_the_contracts() -> None:
    assert " ".join(COLUMNS) == (
        "analysis set outcome moderator model term quantity python r published delta metric "
        "limit tier verdict df_method cause note"
    )
    frame = DiffTable(compare_model(KEY, *pair(), None)).to_frame()
    assert list(frame.columns) == list(COLUMNS)
    assert frame["python"].dtype == "float64"
    assert set(frame["verdict"]) == {"match"}


class TestRefusals:
    def test_one_side_without_an_answer_keeps_the_others_numbers(self) -> None:
        rows = compare_model(KEY, estimates(), NotComputed("lme4", "R crashed"), None)
        assert {row.verdict for row in rows} == {Verdict.PYTHON_ONLY}
        assert all(row.note == "lme4: R crashed" and row.r is None for row in rows)
        assert found(rows, "week", "estimate").python == -0.31
        assert DiffTable(rows).exit_code == 4

    def test_the_refusal_names_its_own_exit_code(self) -> None:
        rows = compare_model(KEY, NotComputed("port", "crossed", 2), estimates("lme4"), None)
        assert {row.verdict for row in rows} == {Verdict.R_ONLY}
        assert DiffTable(rows).exit_code == 2

    def test_neither_side_is_one_row(self) -> None:
        rows = compare_model(KEY, NotComputed("port", "a", 2), NotComputed("lme4", "b", 4), None)
        (row,) = rows
        assert row.verdict is Verdict.NOT_COMPUTED
        assert row.note == "port: a; lme4: b"
        assert row.exit_code == 4
        assert (row.python, row.r, row.delta) == (None, None, None)


class TestDecisions:
    def test_a_flip_is_its_own_verdict(self) -> None:
        python, r = pair()
        python = with_value(python, "treatmentBtheB", "p_value", 0.06)
        row = found(compare_model(KEY, python, r, None), "treatmentBtheB", "p_value")
        assert row.verdict is Verdict.DECISION_FLIPS
        assert "p is on the other side of 0.05" in row.note

    def test_a_flip_within_the_limit_is_a_knife_edge_and_still_a_flip(self) -> None:
        python, r = (with_value(side, "week", "p_value", 0.05) for side in pair())
        python = with_value(python, "week", "p_value", 0.05 - 1e-9)
        row = found(compare_model(KEY, python, r, None), "week", "p_value")
        assert row.delta is not None
        assert row.delta < 1e-6
        assert row.verdict is Verdict.DECISION_FLIPS
        assert "knife edge" in row.note

    @pytest.mark.parametrize(("quantity", "a", "b"), [("conf_low", 1e-12, -1e-12)])
    def test_an_interval_that_excludes_zero_on_one_side(
        self, quantity: str, a: float, b: float
    ) -> None:
        python, r = pair()
        python = with_value(python, "week", quantity, a)
        r = with_value(r, "week", quantity, b)
        row = found(compare_model(KEY, python, r, None), "week", quantity)
        assert row.verdict is Verdict.DECISION_FLIPS
        high = compare_model(
            KEY,
            with_value(python, "week", "conf_high", -a),
            with_value(r, "week", "conf_high", a),
            None,
        )
        assert found(high, "week", "conf_high").verdict is Verdict.DECISION_FLIPS

    def test_a_singular_flag_of_one_side(self) -> None:
        python, r = pair()
        row = found(compare_model(KEY, replace(python, singular=True), r, None), "", "singular")
        assert row.verdict is Verdict.DECISION_FLIPS
        assert row.exit_code == 1


class TestBoundary:
    def test_what_hangs_on_satterthwaite_df_is_neither_pass_nor_fail(self) -> None:
        python, r = at_boundary("port"), at_boundary("lme4")
        python = with_value(python, "week", "df", 12.0)
        rows = compare_model(KEY, python, r, None)
        for quantity in ("df", "p_value", "conf_low", "conf_high"):
            row = found(rows, "week", quantity)
            assert row.verdict is Verdict.BOUNDARY
            assert "boundary fit: smallest eigenvalue 0 in python" in row.note
        assert DiffTable(rows).exit_code == 0

    def test_estimates_and_errors_are_still_held(self) -> None:
        python = with_value(at_boundary("port"), "week", "std_error", 0.22)
        rows = compare_model(KEY, python, at_boundary("lme4"), None)
        assert found(rows, "week", "std_error").verdict is Verdict.DIFFERS
        assert found(rows, "week", "statistic").verdict is Verdict.MATCH

    @pytest.mark.parametrize(
        ("share", "verdict"), [(9e-4, Verdict.MATCH), (1.1e-3, Verdict.DIFFERS)]
    )
    def test_components_are_held_as_a_share_of_sigma(self, share: float, verdict: Verdict) -> None:
        python = with_value(at_boundary("port"), "sd(subject:week)", "sd", 5.25 * share)
        rows = compare_model(KEY, python, at_boundary("lme4"), None)
        row = found(rows, "sd(subject:week)", "sd")
        assert (row.metric, row.limit) == ("absolute", 1e-3)
        assert row.delta == pytest.approx(share)
        assert row.verdict is verdict

    def test_the_correlation_of_a_component_without_variance_means_nothing(self) -> None:
        term = "cor(subject:(Intercept),week)"
        python = with_value(at_boundary("port"), term, "cor", 1.0)
        rows = compare_model(KEY, python, at_boundary("lme4"), None)
        assert found(rows, term, "cor").verdict is Verdict.BOUNDARY

    @pytest.mark.parametrize(
        ("cor", "verdict"),
        [(-0.9995, Verdict.MATCH), (-0.998, Verdict.DIFFERS), (math.nan, Verdict.DIFFERS)],
    )
    def test_a_perfect_correlation_of_real_components_is_compared(
        self, cor: float, verdict: Verdict
    ) -> None:
        term = "cor(subject:(Intercept),week)"
        python, r = (
            with_value(replace(side, singular=True, min_eigen=0.0), term, "cor", -1.0)
            for side in pair()
        )
        rows = compare_model(KEY, with_value(python, term, "cor", cor), r, None)
        assert found(rows, term, "cor").verdict is verdict

    def test_one_side_on_the_boundary_is_enough(self) -> None:
        python, r = pair()
        for left, right in (
            (replace(python, min_eigen=9e-5), r),
            (python, replace(r, min_eigen=9e-5)),
            (python, replace(r, singular=True)),
        ):
            rows = compare_model(KEY, left, right, None)
            assert found(rows, "week", "df").verdict is Verdict.BOUNDARY
        rows = compare_model(KEY, replace(python, min_eigen=1e-4), r, None)
        assert found(rows, "week", "df").verdict is Verdict.MATCH

    def test_kenward_roger_and_counted_df_are_still_held(self) -> None:
        for method, verdict in (("kenward-roger", Verdict.DIFFERS), ("z", Verdict.DIFFERS)):
            python, r = at_boundary("port", df_method=method), at_boundary(df_method=method)
            rows = compare_model(KEY, with_value(python, "week", "df", 12.0), r, None)
            assert found(rows, "week", "df").verdict is verdict
            assert found(rows, "week", "p_value").verdict is Verdict.MATCH


class TestUncleanReference:
    def test_it_can_neither_match_nor_differ(self) -> None:
        python, r = pair()
        r = replace(r, quality=ReferenceQuality(False, ("two optimisers disagree by 2e-5",)))
        r = with_value(r, "week", "estimate", 3.0)
        rows = compare_model(KEY, python, r, CrossCheck(r.fit.criterion))
        by_tier = {t: {x.verdict for x in rows if x.tier == t} for t in ("T0", "T1", "T2")}
        assert by_tier["T0"] == {Verdict.MATCH}  # rows and groups do not hang on the optimum
        assert by_tier["T1"] == {Verdict.MATCH}  # nor does the criterion at a given theta
        assert by_tier["T2"] == {Verdict.REFERENCE_NOT_CLEAN}
        assert "two optimisers disagree by 2e-5" in found(rows, "week", "estimate").note
        assert DiffTable(rows).exit_code == 1


def criterion(value: float) -> FitStatistics:
    return FitStatistics(value, -617.25, 1250.5, 1275.25)


class TestWhoFoundTheBetterOptimum:
    def test_algebra_agrees_and_python_is_lower(self) -> None:
        python, r = pair()
        python = replace(python, fit=criterion(1234.5 - 5e-4))
        rows = compare_model(KEY, python, r, CrossCheck(python_at_r=1234.5))
        row = found(rows, "", "criterion", "T2")
        assert row.verdict is Verdict.DIFFERS
        assert "python's criterion is lower by 0.0005: python found the better optimum" in row.note
        assert "at r's theta the criteria agree" in row.note
        assert row.cause == "optimum: python's criterion is lower by 0.0005"
        assert found(rows, "", "criterion", "T1").verdict is Verdict.MATCH

    def test_r_is_lower(self) -> None:
        python, r = pair()
        rows = compare_model(
            KEY, replace(python, fit=criterion(1234.6)), r, CrossCheck(python_at_r=1234.5)
        )
        assert "r found the better optimum" in found(rows, "", "criterion", "T2").note

    def test_without_a_cross_check_the_verdict_on_the_optimum_is_conditional(self) -> None:
        python, r = pair()
        rows = compare_model(KEY, replace(python, fit=criterion(1234.6)), r, None)
        assert "if the algebra is the same" in found(rows, "", "criterion").note

    def test_criteria_that_disagree_at_one_theta_are_algebra(self) -> None:
        python, r = pair()
        rows = compare_model(KEY, python, r, CrossCheck(python_at_r=1234.5001))
        assert found(rows, "", "criterion", "T1").verdict is Verdict.DIFFERS
        assert "disagree at the same theta" in found(rows, "", "criterion", "T2").note
        assert DiffTable(rows).exit_code == 1

    def test_a_reference_that_contradicts_itself_is_named(self) -> None:
        python, r = pair()
        r = replace(r, fit=criterion(1243.0))
        cross = CrossCheck(python_at_r=1234.75, python_at_python=1234.5, r_at_python=1234.5)
        row = found(compare_model(KEY, python, r, cross), "", "criterion", "T2")
        assert row.verdict is Verdict.DIFFERS
        assert row.cause == "reference: r's answer is not what r's own criterion says"
        assert "r itself has 1234.5 at python's theta, as python has" in row.note
        assert "lower there than at r's theta, by 0.25" in row.note

    def test_nobody_is_named_where_r_disagrees_at_both_thetas(self) -> None:
        python, r = pair()
        r = replace(r, fit=criterion(1243.0))
        for r_at_python in (1234.6, math.nan):
            cross = CrossCheck(python_at_r=1234.75, r_at_python=r_at_python)
            row = found(compare_model(KEY, python, r, cross), "", "criterion", "T2")
            assert row.cause == "algebra: the criteria disagree at the same theta"

    def test_a_cross_check_that_is_nan_is_no_agreement(self) -> None:
        python, r = pair()
        rows = compare_model(KEY, python, r, CrossCheck(python_at_r=math.nan))
        assert found(rows, "", "criterion", "T1").verdict is Verdict.DIFFERS


class TestFlatLikelihood:
    """A component may be off where the criterion is shown not to move; nowhere else."""

    theta = (1.6, -0.25, 0.7504)

    def flat(self):
        python, r = pair()
        sd = math.hypot(self.theta[1], self.theta[2])
        python = replace(python, theta=self.theta)
        python = with_value(python, "sd(subject:week)", "sd", 5.25 * sd)
        return with_value(python, "cor(subject:(Intercept),week)", "cor", self.theta[1] / sd), r

    def test_shown_flat_is_no_error_of_its_own(self) -> None:
        python, r = self.flat()
        cross = CrossCheck(python_at_r=1234.5, python_at_python=1234.5)
        row = found(compare_model(KEY, python, r, cross), "sd(subject:week)", "sd")
        assert row.delta is not None
        assert row.limit is not None
        assert row.delta > row.limit
        assert row.verdict is Verdict.MATCH
        assert "no error of its own: the criterion is the same to 1e-08 at both thetas" in row.note

    @pytest.mark.parametrize(
        ("cross", "note"),
        [
            (None, "not evaluated at each other's theta"),
            (CrossCheck(1234.5), "not evaluated at python's theta"),
            (CrossCheck(1234.5, 1234.6), "is not the one python reports"),
            (CrossCheck(1234.5, r_at_python=1234.6), "is not the one python reports"),
        ],
        ids=["no-check", "half-a-check", "python-elsewhere", "r-elsewhere"],
    )
    def test_not_shown_is_a_difference(self, cross: CrossCheck | None, note: str) -> None:
        python, r = self.flat()
        row = found(compare_model(KEY, python, r, cross), "sd(subject:week)", "sd")
        assert row.verdict is Verdict.DIFFERS
        assert note in row.note

    def test_a_misprinted_component_is_a_difference_whatever_the_criterion(self) -> None:
        python, r = pair()
        python = with_value(python, "sd(subject:week)", "sd", 9.0)
        cross = CrossCheck(python_at_r=1234.5, python_at_python=1234.5, r_at_python=1234.5)
        row = found(compare_model(KEY, python, r, cross), "sd(subject:week)", "sd")
        assert row.verdict is Verdict.DIFFERS
        assert "python's components do not follow from its theta" in row.note

    def test_another_criterion_is_a_difference(self) -> None:
        python, r = self.flat()
        python = replace(python, fit=criterion(1234.6))
        cross = CrossCheck(python_at_r=1234.5, python_at_python=1234.6)
        row = found(compare_model(KEY, python, r, cross), "sd(subject:week)", "sd")
        assert row.verdict is Verdict.DIFFERS


def test_another_df_method_is_named_as_the_cause() -> None:
    python, r = pair()
    python = replace(python, df_method="z")
    python = with_value(python, "week", "df", math.inf)
    row = found(compare_model(KEY, python, r, None), "week", "df")
    assert row.verdict is Verdict.DIFFERS
    assert row.df_method == "z | satterthwaite"
    assert row.cause == "df method: z in python, satterthwaite in r"


def test_a_row_of_one_side_only_is_a_finding() -> None:
    python, r = pair()
    rows = compare_model(KEY, replace(python, fixed=python.fixed[:-1]), r, None)
    row = found(rows, "log(dose)", "estimate")
    assert row.verdict is Verdict.R_ONLY
    assert (row.python, row.r, row.exit_code) == (None, 0.8, 1)
    assert row.note == "python has no such row"


def test_an_empty_table_is_no_success() -> None:
    assert DiffTable(()).exit_code == 4
    assert join([]).rows == ()


def test_the_table_counts_and_finds_the_worst() -> None:
    python, r = pair()
    python = with_value(python, "week", "estimate", -0.31 + 0.21 * 5e-7)
    table = join([compare_model(KEY, python, r, None), compare_model(KEY, *pair(), None)])
    assert table.counts == {Verdict.MATCH: len(table.rows)}
    assert table.worst is not None
    assert (table.worst.term, table.worst.quantity) == ("week", "estimate")
    assert len(table.models) == 1
    assert table.red == ()
    assert "<table" in table._repr_html_()
