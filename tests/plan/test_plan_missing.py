"""What a plan asks of missing outcomes: what is refused, with its line."""

# ruff: noqa: E501 - the table of mistakes has one case a line

from pathlib import Path

import pytest
from small_study import PLAN, changed, line_with, problems_of, the_problem

from harness.plan import load_plan

EFFICACY = "    reml: true\n"


def imputed(missing: str, more: str = "") -> str:
    """The plan whose mixed analysis is imputed, with more lines below."""
    return changed(PLAN, EFFICACY, f"{EFFICACY}    missing: {missing}\n{more}")


MISTAKES = [
    ("method", imputed("{method: locf}"), "analyses[0].missing.method", "mi"),
    ("imputations", imputed("{imputations: 2}"), "analyses[0].missing.imputations", "greater than or equal to 3"),
    ("arm without delta", imputed("{delta_arm: New}"), "analyses[0].missing.delta_arm", "has no effect: there is no delta"),
    ("unknown arm", imputed("{delta: 5, delta_arm: Old}"), "analyses[0].missing.delta_arm", "no arm `Old`; there are TAU, New"),
    ("visits", imputed("{}", "    at: ['0', '2']\n"), "analyses[0].missing", "is not available with at"),
    ("scales", imputed("{}", "    scales: [raw, rank]\n"), "analyses[0].missing", "is not available with other scales"),
    ("call", changed(imputed("{}"), '"{outcome} ~ arm * visit + (1 | id)"', '"log({outcome}) ~ arm * visit + (1 | id)"'), "analyses[0].missing", "must stand left of `~` as it is"),
]  # fmt: skip


@pytest.mark.parametrize(("plan", "key", "message"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])  # fmt: skip
def test_one_mistake_is_one_problem_with_its_line(
    tmp_path: Path, plan: str, key: str, message: str
) -> None:
    found = problems_of(load_plan, tmp_path, plan=plan)
    assert the_problem(found, key, message).line == line_with(plan, "    missing:")
    assert len(found) == 1
