"""Whether a moderation can be probed as an analysis asks: values, columns, terms."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from harness.language import Formula, names_in
from harness.language.nodes import is_syntactic
from harness.plan.document import Path_
from harness.plan.schema import Analysis, Plan

_VALUE = re.compile(r"mean|median|mean[-+](\d+(\.\d+)?)?sd|q(100|\d{1,2}(\.\d+)?)", re.ASCII)


def check_probe(
    plan: Plan,
    analysis: Analysis,
    formulas: Sequence[tuple[str, Formula]],
    where: Path_,
    report: Callable[[Path_, str], None],
) -> None:
    """Report everything that keeps an analysis' probe from being computed.

    Args:
        plan: names the columns of patients, arms and times.
        analysis: the analysis.
        formulas: moderator and formula of its models; empty where they are wrong, which is
            reported elsewhere.
        where: its place in the plan.
        report: takes the problems.
    """
    probe = analysis.probe
    if probe is None:
        return
    here = (*where, "probe")
    for place, at in enumerate(probe.at):
        if isinstance(at, str) and not _VALUE.fullmatch(at):
            report(
                (*here, "at", place),
                f"`{at}` is no value of a moderator; write a number, mean, mean-sd, mean+2sd, "
                "median, or a percentile such as q25",
            )
    if len(set(probe.at)) < len(probe.at):
        report((*here, "at"), "names a value twice")
    if probe.control != "none" and not probe.johnson_neyman:
        report((*here, "control"), "has no effect: without johnson_neyman there is no region")
    if not analysis.moderators:
        report(here, "has no effect: the analysis names no moderators")
        return
    arm = plan.data.arm.column
    for moderator, formula in formulas:
        terms = [{n for node in term.factors for n in names_in(node)} for term in formula.terms]
        if not any({arm, moderator} <= columns for columns in terms):
            report(
                here, f"no term of `{formula.text}` has both `{arm}` and `{moderator}`: "
                "nothing moderates the effect of the arm",
            )  # fmt: skip
            break
    odd = [name for _, formula in formulas for name in formula.columns if not is_syntactic(name)]
    if odd:
        report(
            here,
            f"R cannot be asked for it with a column `{odd[0]}`, a name that needs back-ticks; "
            "derive a column with another name",
        )
