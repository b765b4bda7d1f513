"""Which way is better for the patient, as codebook and questionnaires have it."""

from __future__ import annotations

from typing import Literal

from harness.data.codebook import Codebook
from harness.plan.schema import Plan
from harness.plan.scores import broken_scores, direction_of, form_of, score_columns

Improvement = Literal["lower", "higher"]

_BETTER: dict[str, Improvement] = {"higher is worse": "lower", "higher is better": "higher"}


def improvements(plan: Plan, codebook: Codebook) -> dict[str, Improvement]:
    """By column, for those of which somebody says so: the questionnaires, then the codebook.

    A score that says whether somebody is a case is neither.
    """
    found: dict[str, Improvement] = {}
    wrong = broken_scores(plan)
    for name, entry in plan.scores.items():
        form = None if name in wrong else form_of(entry)
        direction = None if form is None else direction_of(entry)
        if form is not None and direction is not None:
            columns = score_columns(name, entry, form)
            found |= {c: _BETTER[direction] for one, c in columns.items() if one != "case"}
    return found | {v.name: _BETTER[v.direction] for v in codebook.variables if v.direction}
