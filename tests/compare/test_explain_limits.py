"""Where an explanation begins: at a limit is within it, and coarse doubles are allowed for."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from estimates_by_hand import KEY, estimates, pair, with_value

from harness.compare import CrossCheck, DiffRow, Verdict, compare_model
from harness.compare.policy import Policy, default_policy
from harness.models.record import Estimates, ReferenceQuality

QUARTER = 0.25
ALGEBRA = "algebra: the criteria disagree at the same theta"
REFERENCE = "reference: r's answer is not what r's own criterion says"


def policy(**limits: float) -> Policy:
    """The shipped policy with other limits, such as a quarter, which doubles hold exactly."""
    shipped = default_policy()
    return replace(
        shipped,
        tolerances=tuple(
            replace(t, limit=limits.get(t.quantity, t.limit)) for t in shipped.tolerances
        ),
    )


def criterion_row(
    python: Estimates, r: Estimates, cross: CrossCheck, given: Policy | None = None
) -> DiffRow:
    rows = compare_model(KEY, python, r, cross, policy=given or policy(criterion=QUARTER))
    return next(row for row in rows if (row.quantity, row.tier) == ("criterion", "T2"))


def with_criterion(answer: Estimates, value: float) -> Estimates:
    return replace(answer, fit=replace(answer.fit, criterion=value))


@pytest.mark.parametrize(
    ("r_at_python", "cause"), [(QUARTER, REFERENCE), (math.nextafter(QUARTER, 1), ALGEBRA)]
)
def test_the_reference_is_named_up_to_the_limit(r_at_python: float, cause: str) -> None:
    python, r = pair()
    python, r = with_criterion(python, 0.0), with_criterion(r, 8.0)
    cross = CrossCheck(python_at_r=0.0, python_at_python=0.0, r_at_python=r_at_python)
    assert criterion_row(python, r, cross).cause == cause


@pytest.mark.parametrize(("better", "told"), [(QUARTER, False), (0.5, True)])
def test_a_better_optimum_is_told_beyond_the_limit(better: float, told: bool) -> None:
    python, r = pair()
    python, r = with_criterion(python, 0.0), with_criterion(r, 8.0)
    cross = CrossCheck(python_at_r=better, python_at_python=0.0, r_at_python=0.0)
    note = criterion_row(python, r, cross).note
    assert ("both criteria are lower there than at r's theta" in note) is told


@pytest.mark.parametrize("larger", [0, 1], ids=["python", "r"])
def test_the_larger_criterion_decides_how_coarse_doubles_are(larger: int) -> None:
    """Just below 2^30 doubles lie half as far apart as above: 64 of them are 7.6e-6 and 1.5e-5."""
    values = [2.0**30 - 1e-5, 2.0**30 - 1e-5]
    values[larger] = 2.0**30
    python, r = (with_criterion(s, v) for s, v in zip(pair(), values, strict=True))
    python = with_value(python, "week", "estimate", 3.0)
    rows = compare_model(KEY, python, r, None)
    (week,) = [row for row in rows if (row.term, row.quantity) == ("week", "estimate")]
    assert week.red
    assert week.cause == ""


def test_a_criterion_that_is_no_number_makes_doubles_no_finer() -> None:
    """Beside it the other criterion says how coarse they are: the algebra is the same here."""
    python, r = pair()
    python, r = with_criterion(python, math.nan), with_criterion(r, 2.0**30)
    row = criterion_row(python, r, CrossCheck(2.0**30 + 1e-6), default_policy())
    assert row.red
    assert row.cause == ""


class TestFlat:
    """Sigma may be at its limit, and the criterion at python's theta as well; not beyond."""

    def component(self, sigma: float, at_python: float, r_at_python: float = math.nan) -> DiffRow:
        python, r = pair()
        theta = (1.6, -0.25, 0.7504)
        sd = math.hypot(theta[1], theta[2])
        values = {
            "sd(subject:(Intercept))": sigma * 1.6,
            "sd(subject:week)": sigma * sd,
            "cor(subject:(Intercept),week)": theta[1] / sd,
            "sigma": sigma,
        }
        random = tuple(replace(part, estimate=values[part.term]) for part in python.random)
        python = with_criterion(replace(python, theta=theta, random=random), 8.0)
        r = with_criterion(r, 8.0)
        cross = CrossCheck(8.0, python_at_python=at_python, r_at_python=r_at_python)
        given = policy(criterion=QUARTER, sigma=QUARTER)
        rows = compare_model(KEY, python, r, cross, policy=given)
        return next(row for row in rows if row.term == "sd(subject:week)")

    def test_sigma_at_its_limit(self) -> None:
        base = estimates().random[-1].estimate
        assert self.component(base * 1.25, 8.0).verdict is Verdict.MATCH
        apart = self.component(base * 1.26, 8.0)
        assert apart.verdict is Verdict.DIFFERS
        assert apart.note == "the criteria agree, but sigma does not"

    @pytest.mark.parametrize("off", [QUARTER, -QUARTER])
    def test_the_criterion_at_its_limit(self, off: float) -> None:
        base = estimates().random[-1].estimate
        assert self.component(base, 8.0 + off).verdict is Verdict.MATCH
        beyond = self.component(base, 8.0 + 1.01 * off)
        assert beyond.note == "the criterion at python's theta is not the one python reports"

    def test_what_was_not_evaluated_is_said(self) -> None:
        base = estimates().random[-1].estimate
        told = self.component(base, math.nan).note
        assert told == "the criteria agree; not evaluated at python's theta"
        assert self.component(base, math.nan, 8.0).verdict is Verdict.MATCH

    def test_a_correlation_is_excused_as_a_standard_deviation_is(self) -> None:
        python, r = pair()
        theta = (1.6, -0.25, 0.76)
        sd = math.hypot(theta[1], theta[2])
        python = replace(python, theta=theta)
        python = with_value(python, "sd(subject:week)", "sd", 5.25 * sd)
        python = with_value(python, "cor(subject:(Intercept),week)", "cor", theta[1] / sd)
        rows = compare_model(KEY, python, r, CrossCheck(1234.5, python_at_python=1234.5))
        (cor,) = [row for row in rows if row.quantity == "cor"]
        assert cor.delta is not None
        assert cor.limit is not None
        assert cor.delta > cor.limit
        assert cor.verdict is Verdict.MATCH
        alone = compare_model(KEY, python, r, None)
        (cor,) = [row for row in alone if row.quantity == "cor"]
        assert cor.note == "the criteria agree; not evaluated at each other's theta"

    @pytest.mark.parametrize("name", ["python", "r"])
    def test_whose_components_do_not_follow_is_said(self, name: str) -> None:
        answers = dict(zip(("python", "r"), pair(), strict=True))
        answers[name] = with_value(answers[name], "sd(subject:week)", "sd", 9.0)
        rows = compare_model(KEY, answers["python"], answers["r"], CrossCheck(1234.5, 1234.5))
        (row,) = [row for row in rows if row.term == "sd(subject:week)"]
        told = f"the criteria agree, but {name}'s components do not follow from its theta"
        assert row.note == told


class TestTheModelsRows:
    """A cause is told where something is red; what concerns the criterion, in its own row."""

    def rows(self, criterion: float, cross: CrossCheck | None) -> dict[str, DiffRow]:
        python, r = pair()
        python = with_criterion(with_value(python, "week", "estimate", 3.0), criterion)
        r = with_criterion(r, 8.0)
        found = compare_model(KEY, python, r, cross, policy=policy(criterion=QUARTER))
        return {f"{row.quantity} of {row.term}": row for row in found if row.tier == "T2"}

    def test_a_criterion_beyond_its_limit_is_the_cause_of_what_is_red(self) -> None:
        rows = self.rows(8.5, CrossCheck(8.0))
        cause = "optimum: r's criterion is lower by 0.5"
        assert rows["estimate of week"].cause == cause
        assert rows["estimate of week"].note == ""
        assert rows["std_error of week"].cause == ""
        assert rows["std_error of week"].note == ""
        assert rows["criterion of "].note == (
            "r's criterion is lower by 0.5: r found the better optimum; "
            "at r's theta the criteria agree"
        )

    def test_at_its_limit_it_is_none(self) -> None:
        for cross in (CrossCheck(8.25), CrossCheck(7.75), None):
            for criterion in (8.25, 7.75):
                rows = self.rows(criterion, cross)
                assert rows["estimate of week"].cause == ""
                assert rows["criterion of "].note == ""

    def test_criteria_that_disagree_at_one_theta_are_quoted(self) -> None:
        rows = self.rows(8.0, CrossCheck(8.5))
        assert rows["estimate of week"].cause == ALGEBRA
        told = "the criteria disagree at the same theta (r's): 8.5 in python, 8.0 in r"
        assert rows["criterion of "].note == told

    def test_a_note_does_not_push_out_another(self) -> None:
        python, r = pair()
        r = replace(r, quality=ReferenceQuality(False, ("unfinished",)))
        rows = compare_model(KEY, with_criterion(python, 1235.0), r, None)
        (row,) = [row for row in rows if row.quantity == "criterion"]
        assert row.note == (
            "reference not clean: unfinished; r's criterion is lower by 0.5: "
            "r found the better optimum, if the algebra is the same"
        )


def test_df_that_differ_by_one_method_have_no_method_as_their_cause() -> None:
    python, r = pair()
    rows = compare_model(KEY, with_value(python, "week", "df", 9.0), r, None)
    (df,) = [row for row in rows if (row.term, row.quantity) == ("week", "df")]
    assert df.red
    assert df.cause == ""


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_criterion_that_is_no_number_hides_no_other_cause(value: float) -> None:
    python, r = pair()
    python = replace(with_criterion(python, value), df_method="z")
    python = with_value(python, "week", "df", math.inf)
    rows = compare_model(KEY, python, r)
    df = next(row for row in rows if (row.term, row.quantity) == ("week", "df"))
    assert df.cause == "df method: z in python, satterthwaite in r"
    criterion = next(row for row in rows if row.quantity == "criterion")
    assert (criterion.verdict, criterion.cause) == (Verdict.DIFFERS, "")
