"""Why two answers differ, as far as the answers themselves tell."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.compare.components import follows_theta
from harness.compare.cross import CrossCheck
from harness.compare.metrics import larger_magnitude, relative
from harness.compare.policy import Policy
from harness.compare.problem import SameProblem
from harness.models.record import Estimates

_HANGS_ON_DF = (
    "df",
    "den_df",
    "p_value",
    "conf_low",
    "conf_high",
    "d_low",
    "d_high",
    "jn_low",
    "jn_high",
)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is known about one model's differences.

    Attributes:
        model_cause: cause of any red row of the model; empty when unknown.
        df_cause: cause of red rows that hang on the degrees of freedom.
        criterion_notes: for the criterion's row: whose is lower, algebra or optimisation.
        component_notes: for variance components beyond their limit.
        flat: whether the criterion is shown to be the same at both thetas, and both sides'
            components to follow from their own theta.
    """

    model_cause: str
    df_cause: str = ""
    criterion_notes: tuple[str, ...] = ()
    component_notes: tuple[str, ...] = ()
    flat: bool = False

    def cause(self, quantity: str) -> str:
        """The likely cause of a red row of this quantity."""
        if self.model_cause:
            return self.model_cause
        return self.df_cause if quantity in _HANGS_ON_DF else ""


def explain(
    python: Estimates,
    r: Estimates,
    cross: CrossCheck | None,
    problem: SameProblem,
    policy: Policy,
) -> Explanation:
    """Read the cause of a difference off the two answers and the cross-check."""
    ours, theirs = python.fit.criterion, r.fit.criterion
    limit = policy.find("criterion", "T2").limit_at(larger_magnitude(ours, theirs))
    if not problem.same:
        return Explanation(f"different model: {problem.difference}")
    same_criterion = abs(ours - theirs) <= limit
    same_algebra = cross is None or abs(cross.python_at_r - theirs) <= limit
    model_cause = ""
    notes: list[str] = []
    if cross is not None and not same_algebra:
        own, evidence = _contradiction(cross, ours, limit)
        model_cause = own or "algebra: the criteria disagree at the same theta"
        notes = [
            *evidence,
            "the criteria disagree at the same theta (r's): "
            f"{cross.python_at_r!r} in python, {theirs!r} in r",
        ]
    elif math.isfinite(ours - theirs) and not same_criterion:
        lower, gap = ("python", theirs - ours) if ours < theirs else ("r", ours - theirs)
        tail = (
            f"{lower} found the better optimum"
            if cross is not None
            else f"{lower} found the better optimum, if the algebra is the same"
        )
        notes.append(f"{lower}'s criterion is lower by {gap:.3g}: {tail}")
        if cross is not None:
            notes.append("at r's theta the criteria agree")
        model_cause = f"optimum: {lower}'s criterion is lower by {gap:.3g}"
    df_cause = (
        f"df method: {python.df_method} in python, {r.df_method} in r"
        if python.df_method != r.df_method
        else ""
    )
    if not (same_criterion and same_algebra):
        return Explanation(model_cause, df_cause, tuple(notes))
    flat, why = _flat(python, r, cross, limit, policy)
    return Explanation(model_cause, df_cause, tuple(notes), (why,), flat)


def _contradiction(cross: CrossCheck, ours: float, limit: float) -> tuple[str, list[str]]:
    """Whose answer is not what its own criterion says, if that is known; and why.

    The criteria disagree at r's theta. If r itself evaluates python's theta as python does, both
    programs compute the same criterion, and it is r's answer that does not follow from it: what
    lme4 1.1-31's ``refit`` of a REML fit gives, for one.
    """
    if not abs(cross.r_at_python - ours) <= limit:
        return "", []
    cause = "reference: r's answer is not what r's own criterion says"
    note = f"r itself has {cross.r_at_python!r} at python's theta, as python has"
    better = cross.python_at_r - cross.r_at_python
    if better > limit:
        note += f"; both criteria are lower there than at r's theta, by {better:.3g}"
    return cause, [note]


def _flat(
    python: Estimates,
    r: Estimates,
    cross: CrossCheck | None,
    limit: float,
    policy: Policy,
) -> tuple[bool, str]:
    """Whether components may differ because the likelihood is flat, and what speaks for it or not.

    Equal criteria alone prove nothing about a standard deviation that was misprinted on the way
    from theta, so both sides' components must follow from their theta, and the port's theta must
    have its criterion re-evaluated. Flatness moves theta, not sigma: where sigma differs, the
    components differ for another reason.
    """
    sigmas = [p.estimate for side in (python, r) for p in side.random if p.term == "sigma"]
    tolerance = policy.find("sigma", "T2")
    # A model by visit has none on either side.
    if sigmas and (len(sigmas) != 2 or not relative(*sigmas) <= tolerance.limit_at(0.0)):
        return False, "the criteria agree, but sigma does not"
    for name, side in (("python", python), ("r", r)):
        if not follows_theta(side, policy.flat_consistency):
            return (
                False,
                f"the criteria agree, but {name}'s components do not follow from its theta",
            )
    if cross is None:
        return False, "the criteria agree; not evaluated at each other's theta"
    checks = [
        value - own
        for value, own in (
            (cross.python_at_python, python.fit.criterion),
            (cross.r_at_python, r.fit.criterion),
        )
        if not math.isnan(value)
    ]
    if not checks:
        return False, "the criteria agree; not evaluated at python's theta"
    if not all(abs(gap) <= limit for gap in checks):
        return False, "the criterion at python's theta is not the one python reports"
    return True, (
        "beyond its limit, and no error of its own: the criterion is the same "
        f"to {limit:.0e} at both thetas"
    )
