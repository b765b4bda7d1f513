"""Other readings of one fit: which are tried, and what their numbers are."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from asked_trial import PORT, asked, spec, trial
from estimates_by_hand import estimates, with_value

from harness.compare.causes.answers import (
    other_errors,
    other_signs,
    other_unit,
    stopped_elsewhere,
)
from harness.compare.causes.change import Change
from harness.compare.causes.find import agrees
from harness.compare.policy import default_policy
from harness.engines.port.fit import fit_design
from harness.engines.port.given import fit_at
from harness.models.design import build_design
from harness.models.record import Estimates, FitStatistics
from harness.models.spec import ModelSpec


def only(changes: list[Change], kind: str, *, blind: bool = False) -> Change:
    """The one change there is; it is an answer, not a question."""
    (change,) = changes
    assert (change.kind, change.blind) == (kind, blind)
    assert (change.spec, change.frame) == (None, None)
    return change


class TestAnotherTheta:
    def changes(self, right: Estimates, off: Estimates) -> list[Change]:
        return list(stopped_elsewhere(asked(), right, off))

    def test_the_answer_is_what_follows_from_it(self) -> None:
        right = PORT.fit(spec(df_method="z", conf_level=0.9), trial())
        theta = tuple(1.02 * value for value in right.theta)
        given = asked(spec(df_method="z", conf_level=0.9))
        off = replace(right, theta=theta, converged=False)
        change = only(list(stopped_elsewhere(given, right, off)), "optimum")
        assert change.off_optimum
        there = fit_at(build_design(given.spec, trial()), theta).estimates("z", 0.9)
        assert change.answered() == replace(there, converged=False)

    @pytest.mark.parametrize(
        ("gap", "words"),
        [
            (0.015625, "stopped 0.016 above the lowest criterion; its numbers follow from there"),
            (0.0, "stopped 0 above the lowest criterion; its numbers follow from there"),
            (-0.25, "found a criterion 0.25 lower; its numbers follow from there"),
        ],
    )
    def test_the_distance_is_told(self, gap: float, words: str) -> None:
        right = estimates()
        off = estimates(
            theta=(1.0, 0.0, 1.0),
            fit=replace(right.fit, criterion=right.fit.criterion + gap),
        )
        assert only(self.changes(right, off), "optimum").words == words

    @pytest.mark.parametrize("theta", [(), (1.0,), estimates().theta])
    def test_without_another_theta_nothing_is_tried(self, theta: tuple[float, ...]) -> None:
        assert self.changes(estimates(), estimates(theta=theta)) == []


class TestErrorsNotAdjusted:
    @pytest.mark.parametrize(
        ("method", "words"),
        [
            ("kenward-roger", "did not adjust the standard errors (Kenward-Roger)"),
            ("satterthwaite", "took Kenward-Roger's degrees of freedom with errors not adjusted"),
        ],
    )
    def test_errors_as_they_are_beside_kenward_roger_s_df(self, method: str, words: str) -> None:
        given = spec(df_method=method, conf_level=0.9)
        change = only(list(other_errors(asked(given))), "kenward-roger")
        assert change.words == words
        assert not change.off_optimum
        found = change.answered()
        fit = fit_design(build_design(given, trial()))
        plain = fit.estimates("satterthwaite", 0.9)
        adjusted = fit.estimates("kenward-roger", 0.9)
        assert replace(found, fixed=()) == replace(fit.estimates(method, 0.9), fixed=())
        for effect, mine, theirs in zip(found.fixed, plain.fixed, adjusted.fixed, strict=True):
            assert effect.term == mine.term
            assert effect.estimate == mine.estimate
            assert effect.std_error == pytest.approx(mine.std_error, rel=1e-12)
            assert effect.statistic == pytest.approx(mine.statistic, rel=1e-12)
            assert effect.df == pytest.approx(theirs.df, rel=1e-12)
            share = (effect.conf_high - effect.conf_low) / effect.std_error
            as_adjusted = (theirs.conf_high - theirs.conf_low) / theirs.std_error
            assert share == pytest.approx(as_adjusted, rel=1e-9)

    @pytest.mark.parametrize(
        "given",
        [
            spec(df_method="z"),
            spec(df_method="residual"),
            spec(reml=False),
            spec("y ~ arm", df_method="satterthwaite"),
        ],
        ids=["z", "residual", "ml", "lm"],
    )
    def test_other_models_have_no_such_errors(self, given: ModelSpec) -> None:
        assert list(other_errors(asked(given))) == []


class TestSigns:
    def test_the_coefficients_of_the_other_sign_are_turned(self) -> None:
        right = estimates()
        first, arm, week, dose = right.fixed
        off = estimates(
            fixed=(first, replace(arm, estimate=4.0), replace(week, estimate=0.31), dose)
        )
        change = only(list(other_signs(right, off)), "sign", blind=True)
        assert change.words == "turned the sign of `treatmentBtheB`, `week`"
        found = change.answered()
        assert replace(found, fixed=right.fixed) == right
        assert (found.fixed[0], found.fixed[3]) == (first, dose)
        for turned, effect in zip(found.fixed[1:3], (arm, week), strict=True):
            assert turned == replace(
                effect,
                estimate=-effect.estimate,
                statistic=-effect.statistic,
                conf_low=-effect.conf_high,
                conf_high=-effect.conf_low,
            )

    def test_a_column_that_was_turned_is_not_held_against_its_print(self) -> None:
        """Age below zero: the print of X differs, and so does the sign of one coefficient."""
        right = PORT.fit(spec(), trial())
        off = PORT.fit(spec(), trial().assign(age=-trial()["age"]))
        change = only(list(other_signs(right, off)), "sign", blind=True)
        assert change.words == "turned the sign of `age`"
        assert agrees(change.answered(), off, default_policy(), blind=True)
        assert not agrees(change.answered(), off, default_policy())

    @pytest.mark.parametrize("value", [0.0, -5.0, math.nan])
    def test_no_other_coefficient_is(self, value: float) -> None:
        off = with_value(estimates(), "treatmentBtheB", "estimate", value)
        assert list(other_signs(estimates(), off)) == []

    def test_a_coefficient_that_one_side_lacks_has_no_sign(self) -> None:
        off = estimates(fixed=estimates().fixed[1:])
        assert list(other_signs(estimates(), off)) == []


def in_another_unit(factor: float, answer: Estimates | None = None) -> Estimates:
    """As far as a factor is read from it: the standard errors."""
    given = answer or estimates()
    fixed = tuple(replace(e, std_error=factor * e.std_error) for e in given.fixed)
    return replace(given, fixed=fixed)


class TestUnits:
    @pytest.mark.parametrize(
        ("factor", "words"),
        [
            (math.log(10.0), "took natural logarithms for common ones"),
            (1.0 / math.log(10.0), "took common logarithms for natural ones"),
            (1.0 / math.log(2.0), "took binary logarithms for natural ones"),
            (math.log(2.0), "took natural logarithms for binary ones"),
            (math.log(2.0) * (1 + 5e-7), "took natural logarithms for binary ones"),
            (math.log(2.0) * (1 + 5e-6), "has the outcome in another unit, times 0.693151"),
            (0.01, "has the outcome in another unit, times 0.01"),
            (2.0, "has the outcome in another unit, times 2"),
            (1.0 + 2e-6, "has the outcome in another unit, times 1"),
        ],
    )
    def test_a_factor_is_named(self, factor: float, words: str) -> None:
        changes = list(other_unit(estimates(), in_another_unit(factor)))
        assert only(changes, "unit", blind=True).words == words

    @pytest.mark.parametrize("factor", [1.0, 1.0 + 5e-7, 1.0 - 5e-7, 0.0, -2.0, math.nan])
    def test_other_factors_are_none(self, factor: float) -> None:
        assert list(other_unit(estimates(), in_another_unit(factor))) == []

    def test_all_errors_have_to_agree_on_it(self) -> None:
        """The middle one of four is the third."""
        for place in range(4):
            off = in_another_unit(10.0)
            effect = off.fixed[place]
            for share in (1 + 1e-5, 1 - 1e-5):
                other = with_value(off, effect.term, "std_error", effect.std_error * share)
                assert list(other_unit(estimates(), other)) == []
            near = with_value(off, effect.term, "std_error", effect.std_error * (1 + 1e-7))
            assert len(list(other_unit(estimates(), near))) == 1

    def test_errors_that_one_side_lacks_or_that_are_none_say_nothing(self) -> None:
        off = in_another_unit(10.0)
        assert len(list(other_unit(estimates(), replace(off, fixed=off.fixed[1:])))) == 1
        assert len(list(other_unit(replace(estimates(), fixed=estimates().fixed[1:]), off))) == 1
        zero = with_value(off, "week", "std_error", 0.0)
        assert len(list(other_unit(estimates(), zero))) == 1
        assert len(list(other_unit(with_value(estimates(), "week", "std_error", 0.0), off))) == 1
        assert list(other_unit(estimates(), replace(off, fixed=()))) == []

    def test_every_number_follows_the_factor(self) -> None:
        right = estimates()
        found = only(list(other_unit(right, in_another_unit(4.0))), "unit", blind=True).answered()
        rise = 2.0 * (6 - 4) * math.log(4.0)
        assert found.fit == FitStatistics(
            criterion=right.fit.criterion + rise,
            loglik=right.fit.loglik - rise / 2,
            aic=right.fit.aic + rise,
            bic=right.fit.bic + rise,
        )
        for scaled, effect in zip(found.fixed, right.fixed, strict=True):
            assert scaled == replace(
                effect,
                estimate=4.0 * effect.estimate,
                std_error=4.0 * effect.std_error,
                conf_low=4.0 * effect.conf_low,
                conf_high=4.0 * effect.conf_high,
            )
        before = {part.term: part.estimate for part in right.random}
        after = {part.term: part.estimate for part in found.random}
        correlation = "cor(subject:(Intercept),week)"
        assert after.pop(correlation) == before.pop(correlation)
        assert after == {term: 4.0 * value for term, value in before.items()}
        assert replace(found, fixed=(), random=(), fit=right.fit) == replace(
            right, fixed=(), random=()
        )

    @pytest.mark.parametrize("reml", [True, False])
    def test_it_is_what_a_fit_to_the_other_unit_gives(self, reml: bool) -> None:
        given = spec(reml=reml)
        right = PORT.fit(given, trial())
        off = PORT.fit(given, trial().assign(y=10.0 * trial()["y"]))
        found = only(list(other_unit(right, off)), "unit", blind=True).answered()
        assert agrees(found, off, default_policy(), blind=True)
        assert not agrees(found, off, default_policy()), "the print has the other unit"
