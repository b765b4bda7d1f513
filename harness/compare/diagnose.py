"""Red rows, explained: the change that would make them match, and a third evaluator's word."""

from __future__ import annotations

from collections.abc import Sequence

from harness.compare.arbitration import judge, judged
from harness.compare.causes import Asked, find_cause, told
from harness.compare.policy import Policy
from harness.compare.rows import DiffRow
from harness.compare.verdict import Verdict
from harness.models.record import Answer, Estimates


def diagnosed(
    rows: Sequence[DiffRow], asked: Asked, python: Answer, r: Answer, policy: Policy | None = None
) -> tuple[DiffRow, ...]:
    """One model's rows, with cause and note of the red ones filled in as far as they can be found.

    Args:
        rows: of :func:`harness.compare.model.compare_model`.
        asked: the model with its rows of data.
        python: the answer in the table's ``python`` column.
        r: the answer in the column ``r``.
        policy: the tolerances; the shipped policy if None.
    """
    if not (isinstance(python, Estimates) and isinstance(r, Estimates)):
        return tuple(rows)
    if not any(row.red for row in rows):
        return tuple(rows)
    explained = told(rows, find_cause(asked, python, r, policy))
    if not asked.spec.mixed or any(row.verdict is Verdict.DIFFERENT_MODEL for row in rows):
        return explained
    return judged(explained, judge(asked.spec, asked.frame, python, r), policy)
