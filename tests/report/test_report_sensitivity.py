"""Repeated analyses in reports: below the coefficients, in words, and who turns a decision."""

from __future__ import annotations

from dataclasses import replace

from estimates_by_hand import KEY, estimates, pair

from harness.compare import compare_model
from harness.language import parse_formula
from harness.models.besides import Besides, LeaveOneOut, Robust
from harness.models.inference import LeftOut, RobustTest
from harness.models.record import Estimates
from harness.models.scale import Scaled
from harness.models.spec import ModelKey, ModelSpec, ModelTask
from harness.report.definitions import definitions
from harness.report.views import coefficient_lines

ROBUST = RobustTest("CR2(week)", -1.0, 0.5, 40.0, -2.0, 0.052, -2.0, 0.0)
NOBODY = Besides(("leave_one_out",), leave_one_out=LeaveOneOut("subject", "treatment"))


def ends(term: str, low: float, high: float) -> tuple[LeftOut, LeftOut]:
    return (
        LeftOut(f"leave-one-out({term}), lowest", -2.0, 0.5, low, "S1", "S2"),
        LeftOut(f"leave-one-out({term}), highest", -1.0, 0.5, high, "S3", "S4 <b>"),
    )


def with_p(p: float, low: float, high: float) -> Estimates:
    """An answer whose second coefficient has a p value of its own and without patients."""
    whole = estimates()
    first, second, *others = whole.fixed
    fixed = (first, replace(second, p_value=p), *others)
    return replace(whole, fixed=fixed, leave_one_out=ends(second.term, low, high))


def told(answer: Estimates, besides: Besides = NOBODY, scaled: Scaled | None = None) -> str:
    spec = ModelSpec(parse_formula("bdi ~ treatment * week + (1 | subject)"), besides=besides)
    task = ModelTask(ModelKey("efficacy", "ITT", "bdi"), spec, scaled=scaled)
    return "\n".join(definitions([(task, answer, answer)]))


def test_they_stand_behind_the_fit() -> None:
    more = {"robust": (ROBUST,), "leave_one_out": ends("week", 0.01, 0.2)}
    python, r = (replace(side, **more) for side in pair())
    lines = coefficient_lines(compare_model(KEY, python, r))
    names = [line.cells[0] for line in lines]
    assert names[names.index("criterion") + 1 :] == [
        "CR2(week)", "leave-one-out(week), lowest", "leave-one-out(week), highest",
    ]  # fmt: skip


def test_who_turns_a_decision_is_named_either_way() -> None:
    term = estimates().fixed[1].term
    lost = told(with_p(0.04, 0.001, 0.07))
    assert lost.endswith(
        f"S4 <b> ({term}: p 0.0700000, with everybody 0.0400000) in efficacy/ITT/bdi"
    )
    found = told(with_p(0.06, 0.03, 0.2))
    assert found.endswith(f"S2 ({term}: p 0.0300000, with everybody 0.0600000) in efficacy/ITT/bdi")
    for nobody in (with_p(0.04, 0.01, 0.049), with_p(0.06, 0.05, 0.9)):
        assert told(nobody).endswith("where there is one")


def test_errors_and_scales_are_told_in_words() -> None:
    both = Besides(("robust",), robust=Robust("CR2", "subject"))
    words = told(estimates(), both, Scaled("winsor", "bdi", "week", 0.1))
    assert "let rows of one subject vary together" in words
    assert "winsor(bdi): values beyond the 10 % quantiles of their week" in words
    assert "log(bdi): its natural logarithm" in told(estimates(), both, Scaled("log", "bdi"))
