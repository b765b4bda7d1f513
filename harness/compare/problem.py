"""Tier T0: did both engines solve the same mathematical problem?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from harness.models.record import ColumnPrint, Estimates, ProblemPrint

INTERCEPT = "(Intercept)"

_CALCULATED = re.compile(r"\(|(?:\.[LQC]|\^[0-9]+)(?::|$)")
"""Names of columns whose last bits hang on who calculated them: calls and polynomial contrasts."""


@dataclass(frozen=True, slots=True)
class SameProblem:
    """The answer to tier T0.

    Attributes:
        difference: the first thing that differs, in words; empty when nothing does.
        remarks: what is equal only up to rounding, or could not be compared.
    """

    difference: str
    remarks: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not self.difference


def same_problem(python: Estimates, r: Estimates, rounding: float) -> SameProblem:
    """Compare what two engines say they solved.

    With a print on both sides every column of X, the response and the group codes count;
    without, only the counts, the criterion and the names of the coefficients do, and a remark
    says so.

    Args:
        python: the port's answer.
        r: the reference's answer.
        rounding: relative agreement of the sums over a column that comes from a call.
    """
    for difference in _counts(python, r):
        return SameProblem(difference)
    remarks: list[str] = []
    if python.problem is not None and r.problem is not None:
        found = compare_prints(python.problem, r.problem, rounding, mixed=bool(r.groups))
        if not found.same:
            return found
        remarks += found.remarks
    else:
        silent = [n for n, side in (("python", python), ("r", r)) if side.problem is None]
        remarks.append(f"no print of the design from {' and '.join(silent)}: only counts compared")
    names = tuple(tuple(effect.term for effect in side.fixed) for side in (python, r))
    if names[0] != names[1] and sorted(names[0]) == sorted(names[1]):
        remarks.append("the coefficients are listed in another order; joined by name")
    return SameProblem("", tuple(remarks))


def compare_prints(
    python: ProblemPrint, r: ProblemPrint, rounding: float, *, mixed: bool
) -> SameProblem:
    """Compare two prints; the first difference in the order rows, criterion, levels, X, y, Z."""
    remarks: list[str] = []
    for difference in _prints(python, r, rounding, mixed, remarks):
        return SameProblem(difference)
    return SameProblem("", tuple(remarks))


def _counts(python: Estimates, r: Estimates) -> Iterator[str]:
    if python.n_obs != r.n_obs:
        yield f"{python.n_obs} rows in python, {r.n_obs} in r"
    if python.groups != r.groups:
        yield f"groups are {_named(python.groups)} in python, {_named(r.groups)} in r"
    # An ordinary linear model has one likelihood fit; engines fill the flag as they like.
    if python.groups and python.reml != r.reml:
        yield f"{_criterion(python.reml)} in python, {_criterion(r.reml)} in r"


def _prints(
    python: ProblemPrint, r: ProblemPrint, rounding: float, mixed: bool, remarks: list[str]
) -> Iterator[str]:
    if python.n_obs != r.n_obs:
        yield f"{python.n_obs} rows in python's design, {r.n_obs} in r's"
    if python.groups != r.groups:
        yield f"groups are {_named(python.groups)} in python's design, {_named(r.groups)} in r's"
    if mixed and python.reml != r.reml:
        yield f"{_criterion(python.reml)} in python, {_criterion(r.reml)} in r"
    for factor in dict.fromkeys((*python.levels, *r.levels)):
        left, right = python.levels.get(factor), r.levels.get(factor)
        if left != right:
            yield f"levels of {factor}: {_listed(left)} in python, {_listed(right)} in r"
    sums = partial(equal_up_to_rounding, n=r.n_obs, rounding=rounding)
    left_names, right_names = ([column.name for column in side.x] for side in (python, r))
    for place, (left_name, right_name) in enumerate(
        zip(left_names, right_names, strict=False), start=1
    ):
        if left_name != right_name:
            yield f"column {place} of X is `{left_name}` in python, `{right_name}` in r"
    if len(left_names) != len(right_names):
        yield f"X has {len(left_names)} columns in python, {len(right_names)} in r"
    for left_column, right_column in zip(python.x, r.x, strict=False):
        yield from _column("X", left_column, right_column, sums, remarks)
    if python.y.name != r.y.name:
        yield f"the response is `{python.y.name}` in python, `{r.y.name}` in r"
    yield from _column("the response", python.y, r.y, sums, remarks)
    for part in ("weights", "offset", "censored"):
        left_column, right_column = getattr(python, part), getattr(r, part)
        if left_column is None and right_column is None:
            continue
        if left_column is None or right_column is None:
            side = "r" if left_column is None else "python"
            yield f"{part} in {side} only"
        elif left_column.name != right_column.name:
            yield f"{part}: `{left_column.name}` in python, `{right_column.name}` in r"
        else:
            yield from _column(f"the {part}", left_column, right_column, sums, remarks)
    codes = {column.name: column.sha256 for column in r.z}
    if sorted(codes) != sorted(column.name for column in python.z):
        yield "the grouping factors have different names"
    for column in python.z:
        if codes.get(column.name) != column.sha256:
            yield f"rows or level order of the grouping factor {column.name} differ"


def _column(
    where: str,
    python: ColumnPrint,
    r: ColumnPrint,
    same: Callable[[ColumnPrint, ColumnPrint], bool],
    remarks: list[str],
) -> Iterator[str]:
    if python.sha256 == r.sha256:
        return
    name = f"`{python.name}`"
    if python.name == INTERCEPT or not _CALCULATED.search(python.name):
        yield f"{name} of {where} differs ({_gap(python, r)})"
    elif not same(python, r):
        yield f"{name} of {where} differs by more than rounding ({_gap(python, r)})"
    else:
        remarks.append(f"{name} of {where} is equal up to rounding")


def equal_up_to_rounding(python: ColumnPrint, r: ColumnPrint, n: int, rounding: float) -> bool:
    """Whether two columns of ``n`` entries can differ only in the last bits of their entries.

    The sums are judged against the sum of absolute entries. Where a print does not give it, the
    largest bound from below takes its place, which can only make the test stricter.
    """
    sizes = [c.size for c in (python, r) if c.size == c.size]
    scale = max(sizes) if sizes else max(abs(r.total), abs(r.moment) / max(n, 1))
    return (
        abs(python.total - r.total) <= rounding * scale
        and abs(python.moment - r.moment) <= rounding * n * scale
    )


def _gap(python: ColumnPrint, r: ColumnPrint) -> str:
    if python.total != r.total:
        return f"sums {python.total!r} and {r.total!r}"
    return "same sum, entries differ"


def _named(groups: dict[str, int]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in groups.items()) or "none"


def _listed(levels: tuple[str, ...] | None) -> str:
    if levels is None:
        return "not a factor of X"
    shown = " < ".join(levels[:6])
    return f"{shown} ... ({len(levels)})" if len(levels) > 6 else shown


def _criterion(reml: bool) -> str:
    return "REML" if reml else "ML"
