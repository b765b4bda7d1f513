"""What a moderator's coefficients can say: who benefits from an arm, or only who fares well."""

from __future__ import annotations

from collections.abc import Iterable

from harness.models.mean_terms import together
from harness.models.spec import ModelTask


def moderation_lines(tasks: Iterable[ModelTask], arm: str) -> tuple[str, ...]:
    """A line for the analyses whose moderators meet the arm, and one for those where they do not.

    Predictive of an arm's effect is only what its interaction with the moderator says; everything
    else that a moderator does holds whichever arm a patient is in.

    Args:
        tasks: models of a run.
        arm: column of the arms.
    """
    met: dict[bool, list[str]] = {}
    for task in tasks:
        if task.key.moderator:
            meets = together(task.spec.formula, arm, task.key.moderator)
            analyses = met.setdefault(meets, [])
            if task.key.analysis not in analyses:
                analyses.append(task.key.analysis)
    lines = []
    if met.get(True):
        lines.append(
            f"{', '.join(met[True])}: coefficients with both `{arm}` and the moderator ask whether "
            "the effect of the arm hangs on it (predictive); its others say how patients fare in "
            "any arm (prognostic); effects of the arm without it hold where it is 0"
        )
    if met.get(False):
        lines.append(
            f"{', '.join(met[False])}: no term has both `{arm}` and the moderator; all it says is "
            "prognostic, and no evidence that it changes the effect of the arm"
        )
    return tuple(lines)
