"""What came of a family of tests in one line, for the reader of a grid of models."""

from __future__ import annotations

from harness.compare.families import Adjusted, Side
from harness.compare.policy import default_policy


def family_line(adjusted: Adjusted, alpha: float | None = None) -> str:
    """How many tests, how many small p values, how many after adjusting, how many by chance.

    Args:
        adjusted: the family with both sides' answers.
        alpha: the level; the policy's if None.

    Returns:
        ``BH over 147 tests of moderation in ITT: p < 0.05 in 12, adjusted p < 0.05 in 3; with no
        effect anywhere, 7.35 p < 0.05 are expected``; a count is given for each side where they
        differ. What is not adjusted says why.
    """
    alpha = default_policy().alpha if alpha is None else alpha
    family = adjusted.family
    if adjusted.left_out:
        chosen = len(family.members) - adjusted.left_out
        return (
            f"{family.method} of {family.of}: no adjusted p, because only {chosen} of its "
            f"{len(family.members)} models were chosen"
        )
    parts = [f"p < {alpha:g} in {_counts(adjusted, 'p_values', alpha)}"]
    if family.adjusts:
        parts.append(f"adjusted p < {alpha:g} in {_counts(adjusted, 'p_adjusted', alpha)}")
    expected = f"{alpha * len(adjusted.tests):.3g} p < {alpha:g} are expected"
    missing = [f"; no adjusted p ({name}): {why.reason}" for name, why in adjusted.missing]
    return (
        f"{adjusted.sentence}: {', '.join(parts)}; with no effect anywhere, {expected}"
        f"{''.join(missing)}"
    )


def _counts(adjusted: Adjusted, what: str, alpha: float) -> str:
    ours, theirs = (_below(side, what, alpha) for side in (adjusted.python, adjusted.r))
    return ours if ours == theirs else f"{ours} (python), {theirs} (r)"


def _below(side: Side, what: str, alpha: float) -> str:
    values = getattr(side, what)
    return str(sum(p < alpha for p in values)) if values else "unknown"
