"""What lme4 prints by default: told as such, and named where someone takes it for the answer."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from r_examples import spec, trial

from harness.compare import CrossCheck, Verdict, compare_model
from harness.compare.causes import Asked
from harness.compare.diagnose import diagnosed
from harness.compare.reported import reported_rows
from harness.engines.port.engine import PortEngine
from harness.engines.r.engine import RLiveEngine
from harness.models.record import Estimates
from harness.models.spec import ModelKey

KEY = ModelKey("a", "s", "y")
MODEL = spec("y ~ arm * week + (week | id)")
SEEDS = range(40)
WANTED = 3


def plain_lmer(answer: Estimates) -> Estimates:
    """What an analyst would have handed in: the default fit, without a word on its quality."""
    printed = answer.reported
    assert printed is not None
    rise = printed.criterion - answer.fit.criterion
    return replace(
        answer,
        fixed=printed.fixed,
        random=printed.random,
        theta=printed.theta,
        singular=printed.singular,
        fit=replace(
            answer.fit,
            criterion=printed.criterion,
            loglik=answer.fit.loglik - rise / 2,
            aic=answer.fit.aic + rise,
            bic=answer.fit.bic + rise,
        ),
        problem=None,
        quality=None,
        elsewhere=None,
        reported=None,
    )


@pytest.fixture(scope="module")
def left_short(lme4: RLiveEngine) -> list[tuple[pd.DataFrame, Estimates, Estimates]]:
    """Trials on which the defaults stop short: data, the port's answer, R's."""
    port, found = PortEngine(), []
    for seed in SEEDS:
        frame = trial(seed)
        python = port.fit(MODEL, frame)
        if python.singular:
            continue
        r = lme4.fit(MODEL, frame)
        if any(row.red for row in reported_rows(KEY, python, r)):
            found.append((frame, python, r))
        if len(found) == WANTED:
            break
    assert len(found) == WANTED, "lmer's defaults leave too few of these trials short"
    return found


def test_the_checked_fit_agrees_and_the_default_is_told_beside_it(
    left_short: list[tuple[pd.DataFrame, Estimates, Estimates]],
) -> None:
    for _, python, r in left_short:
        assert not any(row.red for row in compare_model(KEY, python, r))
        told = {(row.term, row.quantity): row for row in reported_rows(KEY, python, r)}
        criterion = told["", "criterion"]
        assert criterion.r > criterion.python
        for row in told.values():
            if row.red:
                assert row.cause == "lme4's default search ended elsewhere"
                assert "at the checked optimum r has" in row.note


def test_taken_for_rs_answer_it_is_named_as_the_cause(
    left_short: list[tuple[pd.DataFrame, Estimates, Estimates]],
) -> None:
    port = PortEngine()
    for frame, python, r in left_short:
        plain = plain_lmer(r)
        cross = CrossCheck(
            python_at_r=port.criterion_at(MODEL, frame, plain.theta),
            python_at_python=python.fit.criterion,
        )
        rows = compare_model(KEY, python, plain, cross)
        red = [row for row in diagnosed(rows, Asked(MODEL, frame), python, plain) if row.red]
        gap = plain.fit.criterion - python.fit.criterion
        words = f"r stopped {gap:.2g} above the lowest criterion; its numbers follow from there"
        assert {row.cause for row in red} == {words}
        assert all(row.verdict in (Verdict.DIFFERS, Verdict.DECISION_FLIPS) for row in red)
        notes = [row.note for row in red if row.quantity == "criterion"]
        for note in notes:
            assert "python's components have the lower criterion, by" in note
