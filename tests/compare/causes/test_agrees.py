"""When an answer is that side's: every number, and what is granted away from an optimum."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from asked_trial import PORT, spec, trial
from estimates_by_hand import estimates, problem, with_value

from harness.compare import default_policy
from harness.compare.causes.change import Change
from harness.compare.causes.find import agrees
from harness.models.record import Estimates, ReferenceQuality

POLICY = default_policy()
RIGHT = estimates()


def off(term: str, quantity: str, value: Any) -> Estimates:
    return with_value(estimates("lme4"), term, quantity, value)


@pytest.mark.parametrize("quantity", ["estimate", "std_error", "statistic", "p_value", "df"])
def test_one_number_beyond_its_limit_is_another_answer(quantity: str) -> None:
    assert agrees(RIGHT, estimates("lme4"), POLICY)
    wrong = 1.01 * getattr(RIGHT.fixed[2], quantity)
    assert not agrees(RIGHT, off("week", quantity, wrong), POLICY)


def test_neither_a_doubtful_reference_nor_a_label_makes_another_answer() -> None:
    doubtful = estimates("lme4", quality=ReferenceQuality(clean=False, reasons=("it complained",)))
    assert agrees(RIGHT, doubtful, POLICY)
    assert agrees(RIGHT, estimates("lme4", df_method="z"), POLICY)
    labelled = replace(off("week", "df", 44.4 * (1 + 5e-5)), df_method="z")
    assert agrees(RIGHT, labelled, POLICY), "held to Satterthwaite's limit, not to that of z"


def test_the_policy_given_is_the_one_that_holds() -> None:
    wide = tuple(
        replace(t, limit=1.0) if t.quantity == "estimate" else t for t in POLICY.tolerances
    )
    other = off("week", "estimate", -0.31 + 0.05)
    assert not agrees(RIGHT, other, POLICY)
    assert agrees(RIGHT, other, replace(POLICY, tolerances=wide))


def test_blind_leaves_the_print_out_on_either_side() -> None:
    other = estimates("lme4", problem=problem(levels={"treatment": ("BtheB", "TAU")}))
    assert not agrees(RIGHT, other, POLICY)
    assert agrees(RIGHT, other, POLICY, blind=True)
    assert agrees(other, RIGHT, POLICY, blind=True)
    silent = estimates("lme4", problem=None)
    assert agrees(RIGHT, silent, POLICY, blind=True)
    assert not agrees(RIGHT, replace(silent, n_obs=7), POLICY, blind=True), "counts count"


class TestAwayFromAnOptimum:
    """Degrees of freedom are held to one per cent, and what hangs on them is left out."""

    @pytest.mark.parametrize("df", [44.4 * 1.009, 44.4 / 1.009])
    def test_degrees_of_freedom_within_one_per_cent(self, df: float) -> None:
        assert not agrees(RIGHT, off("week", "df", df), POLICY)
        assert agrees(RIGHT, off("week", "df", df), POLICY, off_optimum=True)

    def test_one_per_cent_is_within(self) -> None:
        right, other = with_value(RIGHT, "week", "df", 100.0), off("week", "df", 101.0)
        assert agrees(right, other, POLICY, off_optimum=True)

    def test_beyond_one_per_cent(self) -> None:
        assert not agrees(RIGHT, off("week", "df", 44.4 * 1.011), POLICY, off_optimum=True)

    @pytest.mark.parametrize("quantity", ["p_value", "conf_low", "conf_high"])
    def test_what_hangs_on_df_may_differ(self, quantity: str) -> None:
        other = off("week", quantity, 0.99 * getattr(RIGHT.fixed[2], quantity))
        assert not agrees(RIGHT, other, POLICY)
        assert agrees(RIGHT, other, POLICY, off_optimum=True)

    @pytest.mark.parametrize("quantity", ["estimate", "std_error", "statistic"])
    def test_nothing_else_may(self, quantity: str) -> None:
        for place in (0, 3):
            effect = RIGHT.fixed[place]
            other = off(effect.term, quantity, 1.001 * getattr(effect, quantity))
            assert not agrees(RIGHT, other, POLICY, off_optimum=True)

    def test_numbers_after_those_that_may_differ_are_looked_at(self) -> None:
        other = with_value(off("(Intercept)", "df", 61.4), "sigma", "sigma", 5.3)
        assert not agrees(RIGHT, other, POLICY, off_optimum=True)
        other = with_value(off("(Intercept)", "p_value", 0.5), "week", "df", 60.0)
        assert not agrees(RIGHT, other, POLICY, off_optimum=True)

    def test_degrees_of_freedom_that_are_counted_must_be_the_same(self) -> None:
        right = replace(RIGHT, df_method="residual")
        assert not agrees(right, off("week", "df", 44.5), POLICY, off_optimum=True)

    def test_degrees_of_freedom_that_one_side_lacks_are_not_near(self) -> None:
        other = estimates("lme4", fixed=RIGHT.fixed[:-1])
        assert not agrees(RIGHT, other, POLICY, off_optimum=True)


class TestAChange:
    def test_the_answer_it_has(self) -> None:
        change = Change("sign", "turned", spec=spec(), frame=trial(), answer=lambda: RIGHT)
        assert change.answered() is RIGHT

    def test_the_port_s_to_its_question(self) -> None:
        given = spec("y ~ week", df_method="residual")
        change = Change("rows", "left out", given, trial()[:40])
        assert change.another_problem
        assert change.answered() == PORT.fit(given, trial()[:40])

    @pytest.mark.parametrize("given", [{}, {"spec": spec()}, {"frame": trial()}])
    def test_half_a_question_is_none(self, given: dict[str, Any]) -> None:
        change = Change("rows", "left out", **given)
        assert not change.another_problem
        with pytest.raises(ValueError, match=r"^the change `rows` has neither an answer nor a qu"):
            change.answered()
