"""What the port is asked at a theta it did not choose, and whether R is worth a second question."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from estimates_by_hand import THETA, pair
from listening_engines import (
    FRAME,
    R_THETA,
    SPEC,
    START,
    Criterion,
    Everything,
    OnlyFits,
    answers,
    with_criterion,
)

from harness.compare import CrossCheck, default_policy
from harness.compare.cross import BothAt
from harness.compare.fits import cross_check, differ
from harness.models.besides import Besides
from harness.models.record import AtTheta, NotComputed


class TestCrossCheck:
    """What is evaluated where nobody searched."""

    def test_both_criteria_come_from_the_port(self) -> None:
        python, r = answers()
        engine = Criterion(python)
        assert_same(
            cross_check(engine, SPEC, FRAME, python, r), CrossCheck(1001.5, 1001.6, math.nan)
        )
        assert engine.heard == [
            ("criterion_at", SPEC, (7, 8, 9), R_THETA),
            ("criterion_at", SPEC, (7, 8, 9), THETA),
        ]

    def test_the_criteria_are_plain_floats(self) -> None:
        python, r = answers()
        cross = cross_check(Criterion(python), SPEC, FRAME, python, r)
        assert cross is not None
        assert type(cross.python_at_r) is type(cross.python_at_python) is float

    def test_all_numbers_at_r_s_theta_come_with_their_criterion(self) -> None:
        python, r = answers()
        engine = Everything(python)
        cross = cross_check(engine, SPEC, FRAME, python, r)
        assert cross is not None
        assert (cross.python_at_r, cross.python_at_python) == (1234.25, 1001.6)
        assert cross.numbers_at_r is not None
        assert cross.numbers_at_r.theta == R_THETA
        assert cross.elsewhere == ()
        assert [said[0] for said in engine.heard] == ["at", "criterion_at"]
        assert engine.heard[0] == ("at", SPEC, (7, 8, 9), R_THETA)

    def test_sums_of_coefficients_are_asked_for_at_r_s_theta_and_nothing_else_besides(self) -> None:
        python, r = answers()
        engine = Everything(python)
        spec = replace(SPEC, besides=Besides(("emmeans", "anova", "contrasts", "effect_size")))
        cross_check(engine, spec, FRAME, python, r)
        assert engine.heard[0][1] == replace(SPEC, besides=Besides(("emmeans", "contrasts")))
        assert engine.heard[1][1] == spec

    def test_wherever_else_r_was_evaluated_the_port_is_too(self) -> None:
        python, r = answers()
        asked = replace(START, place="asked", theta=THETA, criterion=1234.0)
        r = replace(r, elsewhere=(START, asked))
        engine = Everything(python)
        cross = cross_check(engine, SPEC, FRAME, python, r)
        assert cross is not None
        assert ("evaluated_at", SPEC, (7, 8, 9), [START.theta, THETA]) in engine.heard
        mine = replace(START, place="mine", criterion=1300.0)
        assert cross.elsewhere == (
            BothAt(mine, START, at_python=False),
            BothAt(replace(mine, theta=THETA), asked, at_python=True),
        )
        assert cross.r_at_python == 1234.0

    def test_r_s_criterion_at_another_theta_is_not_taken_for_the_one_at_python_s(self) -> None:
        python, r = answers()
        cross = cross_check(Everything(python), SPEC, FRAME, python, replace(r, elsewhere=(START,)))
        assert cross is not None
        assert math.isnan(cross.r_at_python)

    def test_an_engine_that_cannot_be_evaluated_there_is_not_asked(self) -> None:
        python, r = answers()
        cross = cross_check(Criterion(python), SPEC, FRAME, python, replace(r, elsewhere=(START,)))
        assert cross is not None
        assert cross.elsewhere == ()

    @pytest.mark.parametrize("count", [1, 3])
    def test_an_engine_that_leaves_a_theta_out_is_a_mistake_of_ours(self, count: int) -> None:
        class Sloppy(Everything):
            def evaluated_at(self, *_: object) -> list[AtTheta]:
                return [START] * count

        python, r = answers()
        with pytest.raises(ValueError, match=r"shorter|longer"):
            cross_check(Sloppy(python), SPEC, FRAME, python, replace(r, elsewhere=(START, START)))

    @pytest.mark.parametrize(
        "change",
        [
            lambda python, r: (NotComputed("port", "no"), r),
            lambda python, r: (python, NotComputed("lme4", "no")),
            lambda python, r: (replace(python, theta=()), replace(r, theta=())),
            lambda python, r: (python, replace(r, theta=(1.0,))),
        ],
        ids=["python refused", "r refused", "no theta", "thetas of two lengths"],
    )
    def test_there_is_none_where_nothing_can_be_crossed(self, change: Callable[..., Any]) -> None:
        engine = Everything(answers()[0])
        assert cross_check(engine, SPEC, FRAME, *change(*answers())) is None
        assert engine.heard == []

    def test_there_is_none_with_an_engine_that_only_fits(self) -> None:
        python, r = answers()
        assert cross_check(OnlyFits(python), SPEC, FRAME, python, r) is None


def assert_same(found: CrossCheck | None, expected: CrossCheck) -> None:
    """Equal, a NaN being equal to a NaN."""
    assert repr(found) == repr(expected)


LIMIT = default_policy().find("criterion", "T2").limit_at(0.0)
"""Of the criterion at the optimum, in units of deviance."""


class TestDiffer:
    """Whether R is worth a second question."""

    @pytest.mark.parametrize("sign", [1.0, -1.0])
    @pytest.mark.parametrize(("steps", "apart"), [(10.0, True), (0.1, False)])
    def test_the_optima_or_the_criteria_at_one_theta_are_apart(
        self, steps: float, apart: bool, sign: float
    ) -> None:
        python, r = pair()
        off = 1234.5 + sign * steps * LIMIT
        assert differ(with_criterion(python, off), r, CrossCheck(1234.5)) is apart
        assert differ(python, with_criterion(r, off), CrossCheck(off)) is apart
        assert differ(python, r, CrossCheck(off)) is apart

    def test_a_difference_of_just_the_limit_is_none(self) -> None:
        python, r = (with_criterion(side, 0.0) for side in pair())
        assert not differ(with_criterion(python, LIMIT), r, CrossCheck(0.0))
        assert not differ(python, r, CrossCheck(LIMIT))
        assert differ(python, r, CrossCheck(math.nextafter(LIMIT, 1.0)))

    @pytest.mark.parametrize("side", [0, 1])
    def test_the_limit_grows_with_the_larger_criterion(self, side: int) -> None:
        # At a hundred thousand million the spacing of doubles is larger than the limit.
        huge = [1e11, 1e11]
        huge[side] = math.nextafter(1e11, math.inf if side else 0.0)
        python, r = (with_criterion(a, b) for a, b in zip(pair(), huge, strict=True))
        assert not differ(python, r, CrossCheck(huge[1]))

    def test_what_is_no_number_is_apart(self) -> None:
        python, r = pair()
        assert differ(with_criterion(python, math.nan), r, CrossCheck(1234.5))
        assert differ(python, r, CrossCheck(math.nan))

    def test_a_refusal_differs_from_nothing(self) -> None:
        python, r = pair()
        refusal = NotComputed("lme4", "no R")
        assert differ(refusal, r, CrossCheck(0.0)) is False
        assert differ(python, refusal, CrossCheck(0.0)) is False
