"""Hypotheses on coefficients: what they must equal when models are compared, and refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from harness.engines.port.engine import PortEngine
from harness.engines.port.hypotheses.linear import contrasts_of
from harness.errors import ModelError
from harness.language.formula import parse_formula
from harness.models.besides import Besides
from harness.models.hypothesis import Hypothesis
from harness.models.record import Estimates
from harness.models.spec import ModelSpec

PORT = PortEngine()
FULL = "y ~ arm * time * (a + b) + (1 | id)"
EFFECTS = ("", "armN:", "timepost:", "armN:timepost:")


def trial() -> pd.DataFrame:
    """Forty patients, both visits of all, two markers at baseline and the log of their ratio."""
    rng = np.random.default_rng(38)
    n = 40
    a, b = rng.normal(size=n), rng.normal(size=n)
    frame = pd.DataFrame(
        {
            "id": pd.Categorical(np.repeat([f"p{k:02d}" for k in range(n)], 2)),
            "arm": pd.Categorical(np.repeat(np.array(["T", "N"])[np.arange(n) % 2], 2), ["T", "N"]),
            "time": pd.Categorical(np.tile(["pre", "post"], n), ["pre", "post"]),
            "a": np.repeat(a, 2),
            "b": np.repeat(b, 2),
        }
    )
    frame["y"] = rng.normal(size=2 * n) + np.repeat(rng.normal(size=n), 2) + 0.4 * frame["a"]
    return frame.assign(ratio=frame["a"] - frame["b"])


def asked(formula: str, *hypotheses: Hypothesis, **choices: object) -> ModelSpec:
    besides = Besides(("hypotheses",), hypotheses=hypotheses)
    return ModelSpec(parse_formula(formula), besides=besides, **choices)


def joint(answer: Estimates) -> tuple[float, float]:
    (row,) = answer.joint_hypotheses or ()
    return row.f_value, row.den_df


def constraint(effects: tuple[str, ...] = EFFECTS) -> Hypothesis:
    """What the ratio's model supposes: the parts' slopes are each other's negative."""
    rows = tuple(((f"{of}a", 1.0), (f"{of}b", 1.0)) for of in effects)
    return Hypothesis("ratio only", rows, (0.0,) * len(rows))


def test_the_constraint_of_a_ratio_is_the_comparison_with_its_parts_in_a_linear_model():
    frame = trial()
    full = asked("y ~ arm * time * (a + b)", constraint(), df_method="residual")
    answer = PORT.fit(full, frame)
    nested = PORT.fit(ModelSpec(parse_formula("y ~ arm * time * ratio")), frame)
    n = len(frame)
    rss = [f.random[-1].estimate ** 2 * (n - len(f.fixed)) for f in (nested, answer)]
    wanted = (rss[0] - rss[1]) / 4 / (rss[1] / (n - 12))
    assert joint(answer) == pytest.approx((wanted, n - 12), rel=1e-11)


def test_the_constraint_of_a_ratio_is_the_difference_of_quadratic_forms_in_a_mixed_model():
    """At one theta the ML deviances differ by n log(Q0 / Q1), whose forms the Wald F compares."""
    frame, theta, n = trial(), [0.8], 80
    answer = PORT.at(asked(FULL, constraint()), frame, theta)
    deviance = [
        PORT.criterion_at(ModelSpec(parse_formula(formula), reml=False), frame, theta)
        for formula in ("y ~ arm * time * ratio + (1 | id)", FULL)
    ]
    wanted = (n - 12) / 4 * np.expm1((deviance[0] - deviance[1]) / n)
    assert joint(answer)[0] == pytest.approx(wanted, rel=1e-10)


def test_one_effect_alone_is_a_t_test_whose_square_is_that_difference():
    frame, theta, n = trial(), [0.8], 80
    (row,) = PORT.at(asked(FULL, constraint(EFFECTS[3:])), frame, theta).hypotheses or ()
    nested = "y ~ arm * time * (a + b) - arm:time:a - arm:time:b + arm:time:ratio + (1 | id)"
    deviance = [
        PORT.criterion_at(ModelSpec(parse_formula(formula), reml=False), frame, theta)
        for formula in (nested, FULL)
    ]
    wanted = (n - 12) * np.expm1((deviance[0] - deviance[1]) / n)
    assert row.statistic**2 == pytest.approx(wanted, rel=1e-10)
    assert row.contrast == pytest.approx(row.statistic * row.std_error, rel=1e-13)


@pytest.mark.parametrize(
    ("formula", "df"),
    [
        *((FULL, df) for df in ("satterthwaite", "kenward-roger", "residual", "z")),
        *(("y ~ arm * time * (a + b)", df) for df in ("residual", "z")),
    ],
)
def test_what_a_sum_equals_is_what_an_offset_takes_away(formula, df):
    """With x c taken from y, the coefficient of x is smaller by c and nothing else changes."""
    frame = trial().assign(gone=lambda d: 0.7 * d["a"] - 0.2 * d["b"])
    rows = ((("a", 1.0),), (("b", 2.0),))
    shifted = Hypothesis("joint", rows, (0.7, -0.4)), Hypothesis("one", rows[:1], (0.7,))
    plain = tuple(replace(one, equals=(0.0,) * len(one.equals)) for one in shifted)
    there = PORT.fit(asked(formula, *shifted, df_method=df), frame)
    here = PORT.fit(asked(formula, *plain, df_method=df, offset="gone"), frame)
    assert joint(there) == pytest.approx(joint(here), rel=1e-9)
    (one,), (other,) = there.hypotheses or (), here.hypotheses or ()
    for name in ("std_error", "df", "statistic", "p_value"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-9)
    for name in ("contrast", "conf_low", "conf_high"):
        assert getattr(one, name) == pytest.approx(getattr(other, name) + 0.7, rel=1e-9)


def test_a_row_of_one_coefficient_is_that_coefficient():
    answer = PORT.fit(asked(FULL, Hypothesis("b", ((("b", 1.0),),), (0.0,))), trial())
    (row,) = answer.hypotheses or ()
    (fixed,) = [f for f in answer.fixed if f.term == "b"]
    numbers = ("std_error", "df", "statistic", "p_value", "conf_low", "conf_high")
    wanted = [fixed.estimate, *(getattr(fixed, name) for name in numbers)]
    assert [row.contrast, *(getattr(row, n) for n in numbers)] == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (((("c", 1.0),),), r"hypothesis\(h\): no coefficient `c`; there are \(Intercept\), a, b"),
        (((("a", 0.0),),), r"hypothesis\(h\): every factor is 0"),
    ],
)
def test_what_cannot_be_tested_is_refused_by_name(rows, message):
    with pytest.raises(ModelError, match=message):
        contrasts_of(Hypothesis("h", rows, (0.0,)), ("(Intercept)", "a", "b"))


def test_rows_that_say_the_same_are_refused_and_the_fit_stands():
    twice = Hypothesis("h", ((("a", 1.0),), (("a", 2.0),)), (0.0, 0.0))
    answer = PORT.fit(asked(FULL, twice), trial())
    assert (answer.hypotheses, answer.joint_hypotheses) == ((), ())
    assert "linearly dependent" in (answer.refused or {})["hypotheses"]
    assert len(answer.fixed) == 12


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (((("a", 1.0), ("b", -1.0)),), "a - b = 1"),
        (((("a", -2.0), ("b", 0.5)),), "-2 a + 0.5 b = 1"),
    ],
)
def test_a_hypothesis_reads_as_it_is(rows, words):
    assert Hypothesis("h", rows, (1.0,)).sentence == words
