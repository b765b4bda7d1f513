"""Whether a model with a covariance by visit can be fitted as an analysis asks."""

from __future__ import annotations

from collections.abc import Callable

from harness.plan.document import Path_
from harness.plan.schema import Analysis

ONE_VARIANCE = ("cs", "ar1", "toep", "id")
"""Covariances with one variance for all times."""


def check_mmrm(analysis: Analysis, where: Path_, report: Callable[[Path_, str], None]) -> None:
    """Report what a model by visit has not.

    Args:
        analysis: of kind mmrm, its formula without random terms.
        where: its place in the plan.
        report: takes the problems.
    """
    if analysis.df == "kenward-roger":
        report(
            (*where, "df"),
            "no package here gives Kenward-Roger for a covariance by visit, so nothing could be "
            "compared; with mmrm: satterthwaite, residual or z",
        )
    for part in ("weights", "offset"):
        if getattr(analysis, part) is not None:
            report((*where, part), "is not for mmrm; leave it out")
    for part in ("robust", "leave_one_out", "missing", "hypotheses"):
        if getattr(analysis, part):
            report(
                (*where, part), "is not for mmrm in this version; leave it out, or ask it of lmm"
            )
    unit = analysis.effect_size
    covariance = analysis.covariance or "un"
    if unit is not None and unit.sd == "residual" and covariance not in ONE_VARIANCE:
        report(
            (*where, "effect_size", "sd"),
            f"covariance {covariance} has a residual variance for each time, no single sigma; take "
            "total, baseline or given",
        )
    if analysis.at is not None and len(analysis.at) == 1:
        report((*where, "at"), "a covariance by visit needs two visits or more")
