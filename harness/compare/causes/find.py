"""The search: changes tried one at a time, until one makes every number match."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain

from harness.compare.causes.answers import (
    other_errors,
    other_signs,
    other_unit,
    stopped_elsewhere,
)
from harness.compare.causes.asked import Asked
from harness.compare.causes.besides import other_weights
from harness.compare.causes.change import Change
from harness.compare.causes.questions import other_fits, other_tests
from harness.compare.causes.rows import other_levels, other_outcome, other_rows, other_types
from harness.compare.model import compare_model
from harness.compare.policy import Policy, default_policy
from harness.compare.problem import compare_prints
from harness.compare.rows import DiffRow
from harness.engines.port.engine import PortEngine
from harness.errors import HarnessError
from harness.models.design import build_design
from harness.models.prints import problem_print
from harness.models.record import Estimates
from harness.models.spec import ModelKey

_KEY = ModelKey("", "", "")


@dataclass(frozen=True, slots=True)
class Cause:
    """What one side did that was not asked.

    Attributes:
        side: ``python`` or ``r``.
        kind: of the change; empty where no single change explains the side's numbers.
        words: what that side did; empty like ``kind``.
        tried: number of changes looked at, the right one included.
    """

    side: str
    kind: str
    words: str
    tried: int

    @property
    def found(self) -> bool:
        """Whether a change explains the numbers."""
        return bool(self.kind)


def find_cause(
    asked: Asked, python: Estimates, r: Estimates, policy: Policy | None = None
) -> tuple[Cause, ...]:
    """Which side is not the answer to what was asked, and which one change would make it so.

    The port's own answer to what was asked is the yardstick: a side that agrees with it is right.
    The other is replayed: the port answers each of a list of slightly different questions, until
    one of its answers is that side's, number by number within the policy's limits.

    Args:
        asked: the model with its rows.
        python: the answer in the table's ``python`` column; the port's own, or another engine's.
        r: the answer in the column ``r``.
        policy: the tolerances; the shipped policy if None.

    Returns:
        One cause a side that is off; none where both agree with the port, or where the port
        cannot answer.
    """
    policy = policy or default_policy()
    try:
        right = PortEngine().fit(asked.spec, asked.frame)
    except HarnessError:
        return ()
    # What a family of models makes of an answer's p values is no answer to the model.
    python, r = replace(python, adjusted=None), replace(r, adjusted=None)
    causes = []
    for side, answer in (("python", python), ("r", r)):
        if not agrees(right, answer, policy):
            causes.append(_replayed(asked, side, right, answer, policy))
    return tuple(causes)


NEAR = 1e-2
"""Agreement of degrees of freedom away from an optimum, relative."""

_HANGS_ON_DF = ("p_value", "conf_low", "conf_high", "d_low", "d_high")


def agrees(
    ours: Estimates,
    theirs: Estimates,
    policy: Policy,
    *,
    blind: bool = False,
    off_optimum: bool = False,
) -> bool:
    """Whether two answers are the same, number by number; how good a reference is, is not asked.

    Args:
        ours: one answer.
        theirs: the other.
        policy: the tolerances.
        blind: leave the print of the problem out.
        off_optimum: hold degrees of freedom to ``NEAR``, and leave out what hangs on them.
    """
    if blind:
        ours = replace(ours, problem=None)  # two prints are compared, or none
    # Which limits hold hangs on the method that was really used, whatever the label says.
    theirs = replace(theirs, quality=None, df_method=ours.df_method)
    for row in compare_model(_KEY, ours, theirs, policy=policy):
        if not row.red or (off_optimum and row.quantity in _HANGS_ON_DF):
            continue
        if not (off_optimum and row.quantity in ("df", "den_df") and _near(row)):
            return False
    return True


def _near(row: DiffRow) -> bool:
    return row.delta is not None and row.metric == "relative" and row.delta <= NEAR


def changes(asked: Asked, right: Estimates, off: Estimates) -> Iterator[Change]:
    """All changes, the likely and cheap ones first."""
    return chain(
        other_tests(asked),
        other_errors(asked),
        other_weights(asked),
        other_fits(asked),
        stopped_elsewhere(asked, right, off),
        other_levels(asked, off),
        other_outcome(asked),
        other_rows(asked, right, off),
        other_types(asked),
        other_signs(right, off),
        other_unit(right, off),
    )


def _replayed(asked: Asked, side: str, right: Estimates, off: Estimates, policy: Policy) -> Cause:
    tried = 0
    for change in changes(asked, right, off):
        tried += 1
        try:
            if _explains(change, off, policy):
                return Cause(side, change.kind, change.words, tried)
        except HarnessError:
            continue  # a changed model that cannot be fitted is nobody's answer
    return Cause(side, "", "", tried)


def _explains(change: Change, off: Estimates, policy: Policy) -> bool:
    # By visit the print has who was seen when, which a design alone does not know.
    by_visit = change.spec is not None and change.spec.repeated is not None
    if change.another_problem and off.problem is not None and not by_visit:
        # The print settles most changes without a fit.
        design = build_design(change.spec, change.frame)  # type: ignore[arg-type]
        same = compare_prints(
            problem_print(design), off.problem, policy.column_rounding, mixed=bool(off.groups)
        )
        if not same.same:
            return False
    return agrees(
        change.answered(), off, policy, blind=change.blind, off_optimum=change.off_optimum
    )
