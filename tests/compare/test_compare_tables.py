"""Estimates in CSV files against ours and against each other."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from estimates_by_hand import KEY, at_boundary, estimates, pair, with_value

import harness
from harness.compare import CrossCheck, DiffRow, DiffTable, Verdict, compare_files, compare_model
from harness.compare.summary import summary
from harness.errors import DataError
from harness.estimates import KeyedAnswer, write_fit, write_run
from harness.models.record import NotComputed, ReferenceQuality
from harness.models.spec import ModelKey
from harness.report.files import diff_csv

TIDY = Path(__file__).parent / "tidy"
SLEEP = Path(__file__).parents[2] / "fixtures" / "classics" / "sleepstudy.csv"
BROOM_DOES_NOT_SAY = {
    *("n_obs", "n_groups", "loglik", "criterion", "aic", "bic", "singular", "converged"),
}  # fmt: skip


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = pd.read_csv(SLEEP, dtype={"Subject": "str"})
    fit = harness.lmer("Reaction ~ Days + (Days | Subject)", data)
    return write_fit(tmp_path_factory.mktemp("fit") / "ours.json", fit.estimates())


def csv(folder: Path, text: str, name: str = "paper.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def fit_file(folder: Path, name: str = "ours.json", **changes: object) -> Path:
    return write_fit(folder / name, estimates(**changes))


def row(table: DiffTable, term: str, quantity: str) -> DiffRow:
    (found,) = [r for r in table.rows if (r.term, r.quantity) == (term, quantity)]
    return found


class TestBroom:
    def every_row_matches(self, ours: Path, tidy: Path) -> None:
        table = compare_files(ours, tidy)
        assert len(table.rows) == 2 * 7 + 4
        assert table.counts == {Verdict.MATCH: 18}
        assert table.exit_code == 0
        assert {u.quantity for u in table.unasked} == BROOM_DOES_NOT_SAY
        assert {u.side for u in table.unasked} == {"python"}
        assert not any(r.printed for r in table.rows)

    def test_our_fit_and_broom_mixeds_table_match_row_by_row(self, ours: Path) -> None:
        self.every_row_matches(ours, TIDY / "sleepstudy.csv")

    @pytest.mark.live_r
    def test_our_fit_and_a_table_made_by_r_now_match_row_by_row(
        self, ours: Path, tmp_path: Path
    ) -> None:
        made = tmp_path / "made.csv"
        script = ["Rscript", "--vanilla", str(TIDY / "tidy.R"), str(SLEEP), str(made)]
        subprocess.run(script, check=True, capture_output=True)
        self.every_row_matches(ours, made)
        again = compare_files(made, TIDY / "sleepstudy.csv")
        assert again.counts == {Verdict.MATCH: 18}

    def test_a_default_fit_of_lme4_is_seen_to_have_stopped_early(self, ours: Path) -> None:
        """R's own answer is off here: tightened, the same lme4 gives our number to 4e-8."""
        table = compare_files(ours, TIDY / "sleepstudy-default.csv")
        assert {(r.term, r.quantity) for r in table.red} == {
            ("(Intercept)", "std_error"),
            ("(Intercept)", "statistic"),
        }

    def test_whichever_side_it_stands_on(self, ours: Path) -> None:
        table = compare_files(TIDY / "sleepstudy-default.csv", ours)
        assert len(table.red) == 2
        assert {u.side for u in table.unasked} == {"r"}


def published(folder: Path, **cells: str) -> Path:
    """A paper's table of the coefficients of ``estimates_by_hand``, rounded to two decimals."""
    lines = {
        "(Intercept)": "23.50",
        "treatmentBtheB": "-4.20",
        "week": "-0.31",
        "log(dose)": "0.80",
        **cells,
    }
    text = "".join(f"{term},{estimate}\n" for term, estimate in lines.items() if estimate)
    return csv(folder, f"term,estimate\n{text}")


class TestDigits:
    @pytest.mark.parametrize(
        ("value", "agrees"),
        [
            (-0.31, True),
            (-0.3051, True),
            (-0.305, True),
            (-0.315, True),
            (-0.3151, False),
            (-0.3049, False),
            # The policy's limit (a millionth of the standard error) holds on top of the digits.
            (-0.315 - 0.9 * 0.21e-6, True),
            (-0.315 - 1.1 * 0.21e-6, False),
        ],
    )
    def test_a_number_agrees_with_the_digits_printed_or_does_not(
        self, tmp_path: Path, value: float, agrees: bool
    ) -> None:
        fixed = tuple(
            replace(e, estimate=value) if e.term == "week" else e for e in estimates().fixed
        )
        left, right = fit_file(tmp_path, fixed=fixed), published(tmp_path)
        for table in (compare_files(left, right), compare_files(right, left)):
            found = row(table, "week", "estimate")
            assert found.verdict is (Verdict.MATCH if agrees else Verdict.DIFFERS)
            assert (table.exit_code == 0) == agrees
            assert (found.share <= 1) == agrees

    def test_the_row_says_that_only_the_digits_agree(self, tmp_path: Path) -> None:
        left = write_fit(
            tmp_path / "ours.json", with_value(estimates(), "week", "estimate", -0.3123)
        )
        found = row(compare_files(left, published(tmp_path)), "week", "estimate")
        assert found.printed
        assert found.note == "agrees to the digits printed (r: -0.31)"
        assert (found.python, found.r, found.metric) == (-0.3123, -0.31, "absolute")
        assert found.tier == "T2"
        assert found.delta == pytest.approx(0.0023, abs=1e-12)
        assert found.limit == pytest.approx(0.005 + 1e-6 * 0.21, rel=1e-9)

    def test_a_number_within_the_policys_limit_needs_no_digits(self, tmp_path: Path) -> None:
        found = row(compare_files(fit_file(tmp_path), published(tmp_path)), "week", "estimate")
        assert (found.printed, found.note, found.metric, found.limit) == (False, "", "SE", 1e-6)

    def test_a_dropped_zero_grants_no_more_than_the_column(self, tmp_path: Path) -> None:
        """-0.3 stands in a column of two decimals: it is -0.30, and -0.31 is another number."""
        table = compare_files(fit_file(tmp_path), published(tmp_path, week="-0.3"))
        assert row(table, "week", "estimate").verdict is Verdict.DIFFERS

    def test_a_difference_beyond_the_digits_says_so(self, tmp_path: Path) -> None:
        found = row(
            compare_files(fit_file(tmp_path), published(tmp_path, week="-0.32")), "week", "estimate"
        )
        assert found.verdict is Verdict.DIFFERS
        assert found.note == "beyond the digits printed (r: -0.32)"
        assert (found.metric, found.limit) == ("SE", 1e-6)
        assert found.delta == pytest.approx(0.01 / 0.21)

    @pytest.mark.parametrize(
        ("one", "other", "agree"),
        [
            ("1.40", "1.40", True),
            ("1.40", "1.41", False),  # the same digits: rounding is no excuse
            ("1.4", "1.44", True),
            ("1.4", "1.45", True),
            ("1.4", "1.46", False),
            ("1.4", "1.351", True),
            ("1.4", "1.349", False),
        ],
    )
    def test_two_printed_numbers_agree_when_the_finer_rounds_to_the_coarser(
        self, tmp_path: Path, one: str, other: str, agree: bool
    ) -> None:
        left = csv(tmp_path, f"term,estimate,std_error\nx,{one},0.5\n", "left.csv")
        right = csv(tmp_path, f"term,estimate,std_error\nx,{other},0.5\n", "right.csv")
        for table in (compare_files(left, right), compare_files(right, left)):
            assert (row(table, "x", "estimate").verdict is Verdict.MATCH) == agree

    def test_a_short_number_in_a_file_of_doubles_is_exact(self, tmp_path: Path) -> None:
        left = csv(tmp_path, "term,estimate,std_error\nx,1527.46,19.3834\n", "left.csv")
        doubles = "term,estimate,std_error\nx,1527.5,19.3834103283216\n"
        right = csv(tmp_path, doubles, "right.csv")
        assert row(compare_files(left, right), "x", "estimate").verdict is Verdict.DIFFERS
        rounded = csv(tmp_path, "term,estimate,std_error\nx,1527.5,19.4\n", "right.csv")
        assert row(compare_files(left, rounded), "x", "estimate").printed

    def test_a_p_value_printed_as_zero(self, tmp_path: Path) -> None:
        right = csv(tmp_path, "term,p_value\n(Intercept),0.000\nlog(dose),0.378\n")
        table = compare_files(fit_file(tmp_path), right)
        assert row(table, "(Intercept)", "p_value").printed
        assert row(table, "log(dose)", "p_value").verdict is Verdict.MATCH

    def test_a_decision_flips_whatever_the_digits(self, tmp_path: Path) -> None:
        fixed = tuple(replace(e, p_value=0.0496) for e in estimates().fixed)
        right = csv(tmp_path, "term,p_value\n" + "".join(f"{e.term},0.050\n" for e in fixed))
        table = compare_files(fit_file(tmp_path, fixed=fixed), right)
        assert {r.verdict for r in table.rows} == {Verdict.DECISION_FLIPS}
        assert "a knife edge" in table.rows[0].note

    def test_counts_are_never_rounded(self, tmp_path: Path) -> None:
        right = csv(tmp_path, "term,quantity,value\n,n_obs,6\nsubject,n_groups,4\nweek,df,44\n")
        table = compare_files(fit_file(tmp_path), right)
        assert {r.verdict for r in table.rows} == {Verdict.DIFFERENT_MODEL}
        told = "another problem: 3 groups of subject in python, 4 in r"
        assert told in row(table, "week", "df").note

    def test_df_that_must_be_exact_have_no_digits_to_hide_behind(self, tmp_path: Path) -> None:
        right = csv(tmp_path, "term,df\n(Intercept),61\ntreatmentBtheB,61\nweek,44\nlog(dose),59\n")
        free = compare_files(fit_file(tmp_path), right)
        assert free.counts == {Verdict.MATCH: 4}
        counted = compare_files(fit_file(tmp_path, df_method="residual"), right)
        assert counted.counts == {Verdict.DIFFERS: 4}


class TestRows:
    def test_a_missing_and_an_extra_row_are_findings(self, tmp_path: Path) -> None:
        right = published(tmp_path, week="", month="1.00")
        table = compare_files(fit_file(tmp_path), right)
        found = {(r.term, r.verdict) for r in table.red}
        assert found == {("week", Verdict.PYTHON_ONLY), ("month", Verdict.R_ONLY)}
        assert table.exit_code == 1
        assert row(table, "week", "estimate").note == "r has no such row"
        assert row(table, "month", "estimate").note == "python has no such row"

    def test_a_missing_cell_among_others_is_a_finding(self, tmp_path: Path) -> None:
        left = csv(tmp_path, "term,estimate,p_value\na,1,0.2\nb,2,0.3\n", "left.csv")
        right = csv(tmp_path, "term,estimate,p_value\na,1,NA\nb,2,0.3\n", "right.csv")
        assert [(r.term, r.quantity) for r in compare_files(left, right).red] == [("a", "p_value")]

    def test_swapped_names_and_permuted_rows(self, tmp_path: Path) -> None:
        left = csv(tmp_path, "term,estimate,df\na,1,5\nb,2,6\n", "left.csv")
        permuted = csv(tmp_path, "df,estimate,term\n6,2,b\n5,1,a\n", "right.csv")
        assert compare_files(left, permuted).counts == {Verdict.MATCH: 4}
        swapped = csv(tmp_path, "term,estimate,df\nb,1,5\na,2,6\n", "right.csv")
        assert compare_files(left, swapped).counts == {Verdict.DIFFERS: 4}

    def test_nan_on_one_side_and_on_both(self, tmp_path: Path) -> None:
        left = csv(tmp_path, "term,estimate\na,NaN\nb,1.50\n", "left.csv")
        right = csv(tmp_path, "term,estimate\na,1.50\nb,NaN\n", "right.csv")
        assert compare_files(left, right).counts == {Verdict.DIFFERS: 2}
        same = compare_files(left, left)
        assert same.counts == {Verdict.MATCH: 2}
        assert row(same, "a", "estimate").note == "NaN on both sides"

    def test_nothing_in_common_is_refused(self, tmp_path: Path) -> None:
        left = csv(tmp_path, "term,estimate,aic\na,1,\n,,2\n", "left.csv")
        right = csv(tmp_path, "term,df\na,1\n", "right.csv")
        with pytest.raises(DataError) as caught:
            compare_files(left, right)
        assert str(caught.value) == (
            f"{left} and {right} have no quantity in common: aic, estimate and df"
        )

    def test_a_change_of_unit(self, tmp_path: Path) -> None:
        table = compare_files(
            fit_file(tmp_path),
            csv(
                tmp_path,
                "term,estimate\n(Intercept),2350\ntreatmentBtheB,-420\nweek,-31\nlog(dose),80\n",
            ),
        )
        assert table.counts == {Verdict.DIFFERS: 4}

    def test_a_boundary_fit_of_ours_is_known(self, tmp_path: Path) -> None:
        left = write_fit(tmp_path / "b.json", at_boundary())
        paper = csv(tmp_path, "term,df\nweek,12.123456\n")
        for files, name in (((left, paper), "python"), ((paper, left), "r")):
            found = row(compare_files(*files), "week", "df")
            assert found.verdict is Verdict.BOUNDARY
            assert found.note.endswith(f"boundary fit: smallest eigenvalue 0 in {name}")
        flag = (
            "term,quantity,value,df_method\n"
            ",singular,TRUE,satterthwaite\nweek,df,12.1,satterthwaite\n"
        )
        both = [csv(tmp_path, flag.replace("12.1", df), f"{df}.csv") for df in ("12.1", "44.4")]
        assert row(compare_files(*both), "week", "df").verdict is Verdict.BOUNDARY

    def test_a_reference_that_is_not_clean(self, tmp_path: Path) -> None:
        for reasons, said in (
            (("two optimisers disagree", "R complained"), "two optimisers disagree; R complained"),
            ((), "reason not given"),
        ):
            right = fit_file(tmp_path, quality=ReferenceQuality(False, reasons))
            table = compare_files(published(tmp_path), right)
            assert set(table.counts) == {Verdict.REFERENCE_NOT_CLEAN}
            assert table.rows[0].note == f"reference not clean: {said}"


class TestModels:
    def run_file(self, folder: Path, *engines: str) -> Path:
        other = ModelKey("efficacy", "PP", "bdi")
        answers = [
            KeyedAnswer(key, estimates(engine)) for key in (KEY, other) for engine in engines
        ]
        return write_run(folder / "estimates.json", answers)

    def test_a_run_is_joined_by_what_the_table_names(self, tmp_path: Path) -> None:
        paper = csv(tmp_path, "set,term,estimate\nITT,week,-0.31\nPP,week,-0.35\n")
        table = compare_files(self.run_file(tmp_path, "port"), paper)
        found = {r.place: r.verdict for r in table.rows if r.term == "week"}
        assert found == {
            "efficacy/ITT/bdi": Verdict.MATCH,
            "efficacy/PP/bdi": Verdict.DIFFERS,
        }
        assert row_count(table, Verdict.PYTHON_ONLY) == 6

    def test_both_engines_of_a_run_against_one_table(self, tmp_path: Path) -> None:
        paper = csv(tmp_path, "set,term,estimate\nITT,week,-0.31\nPP,week,-0.31\n")
        table = compare_files(self.run_file(tmp_path, "port", "lme4"), paper)
        labels = {r.model.rpartition("[")[2] for r in table.rows}
        assert labels == {"port]", "lme4]"}

    def test_a_model_of_one_file_only(self, tmp_path: Path) -> None:
        paper = csv(tmp_path, "set,term,estimate\nITT,week,-0.31\nFAS,week,-0.31\n")
        table = compare_files(self.run_file(tmp_path, "port"), paper)
        verdicts = {(r.set, r.verdict) for r in table.rows if r.term == "week"}
        assert ("PP", Verdict.PYTHON_ONLY) in verdicts
        assert ("FAS", Verdict.R_ONLY) in verdicts

    def test_a_table_that_does_not_say_which_model_it_is_about(self, tmp_path: Path) -> None:
        run, paper = self.run_file(tmp_path, "port"), published(tmp_path)
        for files in ((run, paper), (paper, run)):
            with pytest.raises(DataError) as caught:
                compare_files(*files)
            assert str(caught.value) == (
                f"{run} holds several models and {paper} does not say which of them it is about: "
                "give it a column `set`"
            )

    def test_a_model_is_named_by_what_either_file_says(self, tmp_path: Path) -> None:
        left = csv(tmp_path, "set,outcome,term,estimate\nITT,bdi,x,1.5\n", "left.csv")
        right = csv(tmp_path, "analysis,outcome,term,estimate\nmain,bdi,x,1.5\n", "right.csv")
        for files in ((left, right), (right, left)):
            (only,) = compare_files(*files).rows
            assert only.place == "main/ITT/bdi"
            assert only.model == ""
        (only,) = compare_files(left, left).rows
        assert (only.analysis, only.set, only.outcome, only.moderator) == ("", "ITT", "bdi", "")

    def test_an_engine_that_answered_in_neither_file_hides_no_other(self, tmp_path: Path) -> None:
        text = (
            "set,term,quantity,python,r\nITT,x,estimate,1.5,1.5\n"
            "PP,x,estimate,,2.5\nFAS,x,estimate,3.5,\n"
        )
        both = csv(tmp_path, text, "diff.csv")
        found = [(r.set, r.model) for r in compare_files(both, both).rows]
        assert found == [("ITT", "[python]"), ("ITT", "[r]"), ("PP", "[r]"), ("FAS", "[python]")]

    def test_a_single_engine_needs_no_label(self, tmp_path: Path) -> None:
        paper = csv(tmp_path, "set,term,estimate\nITT,week,-0.31\nPP,week,-0.31\n")
        table = compare_files(self.run_file(tmp_path, "port"), paper)
        assert {r.model for r in table.rows} == {estimates().formula}

    def test_two_diff_tables_engine_by_engine(self, tmp_path: Path) -> None:
        python, r = pair()
        first = DiffTable(compare_model(KEY, python, r, CrossCheck(1234.5)))
        wrong = with_value(r, "week", "df", 44.5)
        second = DiffTable(compare_model(KEY, python, wrong, CrossCheck(1234.5)))
        left = csv(tmp_path, diff_csv(first), "last.csv")
        table = compare_files(left, csv(tmp_path, diff_csv(second), "today.csv"))
        (red,) = table.red
        assert (red.model, red.python, red.r) == ("[r]", 44.4, 44.5)
        assert compare_files(left, left).exit_code == 0

    def test_engines_that_cannot_be_paired(self, tmp_path: Path) -> None:
        table = DiffTable(compare_model(KEY, *pair(), None))
        left = csv(tmp_path, diff_csv(table), "diff.csv")
        run = self.run_file(tmp_path, "port", "lme4")
        with pytest.raises(DataError) as caught:
            compare_files(left, run)
        assert str(caught.value) == (
            f"{left} holds python, r and {run} port, lme4: "
            "the files must hold the same engines, or one of them a single one"
        )

    def test_a_refusal_in_the_run_keeps_its_code(self, tmp_path: Path) -> None:
        answers = [
            KeyedAnswer(KEY, NotComputed("lme4", "timed out", 4)),
            KeyedAnswer(ModelKey("efficacy", "PP", "bdi"), estimates("lme4")),
        ]
        run = write_run(tmp_path / "run.json", answers)
        paper = csv(tmp_path, "set,term,estimate\nITT,week,-0.31\nPP,week,-0.31\n")
        for files, side in (((paper, run), Verdict.PYTHON_ONLY), ((run, paper), Verdict.R_ONLY)):
            table = compare_files(*files)
            assert table.exit_code == 4
            (refused,) = [r for r in table.rows if r.set == "ITT"]
            assert (refused.verdict, refused.note) == (side, "lme4: timed out")
            assert refused.exit_code == 4

    def test_a_run_that_answered_nothing_is_no_mistake_of_the_command(self, tmp_path: Path) -> None:
        run = write_run(
            tmp_path / "run.json", [KeyedAnswer(KEY, NotComputed("lme4", "timed out", 4))]
        )
        table = compare_files(run, csv(tmp_path, "set,term,estimate\nITT,week,-0.31\n"))
        assert [(r.verdict, r.note) for r in table.rows] == [(Verdict.R_ONLY, "lme4: timed out")]
        assert (table.exit_code, table.unasked) == (4, ())


def row_count(table: DiffTable, verdict: Verdict) -> int:
    return sum(r.verdict is verdict for r in table.rows)


class TestSummary:
    def table(self, folder: Path) -> DiffTable:
        right = (
            "term,estimate,df\n(Intercept),23.5,61.3\nweek,-0.33,44.4\nlog(dose),0.84,58.8\nx,1,1\n"
        )
        left = with_value(estimates(), "(Intercept)", "estimate", 23.502)
        return compare_files(write_fit(folder / "a.json", left), csv(folder, right))

    def test_the_counts_add_up_to_the_rows(self, tmp_path: Path) -> None:
        table = self.table(tmp_path)
        found = summary(table)
        assert (found.models, found.models_left, found.models_right) == (1, 0, 0)
        assert (found.exactly, found.within, found.printed) == (3, 0, 1)
        assert (found.unequal, found.not_judged) == (2, 0)
        parts = (found.exactly, found.within, found.printed, found.unequal, found.not_judged)
        assert found.compared == sum(parts) == 6
        assert (found.only_left, found.only_right, found.not_computed) == (2, 2, 0)
        assert len(table.rows) == found.compared + 4

    def test_the_largest_difference_of_a_quantity_says_where(self, tmp_path: Path) -> None:
        by_name = {item.quantity: item for item in summary(self.table(tmp_path)).largest}
        largest = by_name["estimate"]
        assert largest.row is not None
        assert (largest.compared, largest.unequal) == (3, 2)
        assert largest.row.term == "week"
        assert largest.row.delta == pytest.approx(0.02 / 0.21)

    def test_boundary_rows_are_not_judged(self) -> None:
        python = with_value(at_boundary("port"), "week", "df", 12.0)
        found = summary(DiffTable(compare_model(KEY, python, at_boundary("lme4"), None)))
        assert found.not_judged == 4 * 4 + 1
        assert found.unequal == 0

    def test_a_model_nobody_answered(self) -> None:
        refusals = (NotComputed("port", "a", 2), NotComputed("lme4", "b", 4))
        found = summary(DiffTable(compare_model(KEY, *refusals, None)))
        assert (found.not_computed, found.compared, found.models) == (1, 0, 0)
        every = len(compare_model(KEY, *pair(), None))
        one = summary(DiffTable(compare_model(KEY, estimates(), refusals[1], None)))
        assert (one.models, one.models_left, one.models_right) == (0, 1, 0)
        assert (one.only_left, one.only_right) == (every, 0)
        other = summary(DiffTable(compare_model(KEY, refusals[0], estimates("lme4"), None)))
        assert (other.models, other.models_left, other.models_right) == (0, 0, 1)
        assert (other.only_left, other.only_right) == (0, every)

    def test_the_check_at_one_theta_is_a_line_of_its_own(self) -> None:
        table = DiffTable(compare_model(KEY, *pair(), CrossCheck(1234.5 + 1e-9)))
        found = {item.quantity: item for item in summary(table).largest}
        assert (found["criterion"].compared, found["criterion"].row) == (1, None)
        at_one = found["criterion at r's theta"]
        assert (at_one.compared, at_one.unequal) == (1, 0)
        assert at_one.row is not None
        assert at_one.row.delta == pytest.approx(1e-9, rel=1e-3)

    def test_a_number_without_a_limit_or_a_difference_is_not_the_largest(self) -> None:
        rows = compare_model(KEY, *pair(), None)
        unmeasured = tuple(replace(r, limit=None) for r in rows)
        assert all(item.row is None for item in summary(DiffTable(unmeasured)).largest)
