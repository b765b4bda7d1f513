"""Whether an analysis set has enough patients for what is asked of it, and what is asked couples.

Both are judged on the rows that a model uses: those of its set with every column of its formula.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.data.levels import at_levels
from harness.data.patients import patient_visits
from harness.data.study import Study
from harness.errors import PlanError
from harness.language import Formula
from harness.plan.check import combinations, filled
from harness.plan.document import Path_
from harness.plan.load import read_plan
from harness.plan.schema import Analysis, Plan
from harness.plan.visits import visits_of
from harness.sets.analysis_set import AnalysisSet, analysis_sets, emptiness, row_mask

Report = Callable[[Path_, str], None]
Mask = npt.NDArray[np.bool_]

FEWEST = 2
"""Patients an arm needs (of one nobody can tell what is its arm's), and values a moderator."""


def sufficient_sets(study: Study, frame: pd.DataFrame) -> dict[str, AnalysisSet]:
    """Every analysis set of a study whose data have passed the gate, in plan order.

    Args:
        study: as opened.
        frame: its data with scores and derived columns.

    Raises:
        PlanError: sets without a row, arms with one patient, moderators with one value: each with
            its line in the plan.
        DataError: a condition that does not fit the data.
    """
    found: list[tuple[Path_, str]] = []
    check_enough(study.plan, frame, lambda at, text: found.append((at, text)))
    if found and study.plan.path is not None:
        loaded = read_plan(study.plan.path)  # for the lines
        raise PlanError(tuple(loaded.problem(at, text) for at, text in found))
    return analysis_sets(study.plan, frame)


def check_enough(plan: Plan, frame: pd.DataFrame, report: Report) -> None:
    """Report sets without a row, arms with one patient, moderators with one value.

    Args:
        plan: right in shape, its columns and expressions known to be in the data.
        frame: the data with scores and derived columns.
        report: takes the problems.

    Raises:
        DataError: a condition that does not fit the data.
    """
    sets: dict[str, Mask] = {}
    for name, rule in plan.sets.items():
        value = row_mask(name, rule, frame, plan.data.id, plan.data.time)
        sets[name] = value.fillna(False).to_numpy(dtype=bool)
        if not sets[name].any():
            report(("sets", name), f"{emptiness(rule)}: the set is empty")
    for position, analysis in enumerate(plan.analyses):
        # The same of many models is told once, of the first, with the number of the others.
        told: dict[tuple[Path_, str], list[str]] = {}
        for lack in _lacking(plan, analysis, sets, frame):
            told.setdefault((lack.place, lack.text), []).append(lack.model)
        for (place, text), models in told.items():
            others = len(models) - 1
            more = f" (and of {others} other model{'s' if others > 1 else ''})" if others else ""
            report(("analyses", position, *place), f"{text}, for `{models[0]}`{more}")


@dataclass(frozen=True, slots=True)
class _Lack:
    """What a model lacks.

    Attributes:
        place: in its analysis.
        text: what.
        model: its formula.
    """

    place: Path_
    text: str
    model: str


def _lacking(
    plan: Plan, analysis: Analysis, sets: dict[str, Mask], frame: pd.DataFrame
) -> Iterator[_Lack]:
    arm, patient, time = plan.data.arm.column, plan.data.id, plan.data.time.column
    visits = None if analysis.at is None else visits_of(plan, analysis)
    there = " at " + ", ".join(visits) if visits else ""
    placed = None if visits is None else at_levels(frame[time], visits)
    small_arms = _small_arms(frame[arm], frame[patient])

    @cache
    def known(column: str) -> Mask:
        return np.asarray(frame[column].notna(), dtype=np.bool_)

    for outcome, moderator in combinations(analysis):
        formula = filled(analysis, outcome, moderator)
        whole = np.logical_and.reduce([known(name) for name in _columns(analysis, formula)])
        if placed is not None:
            whole = whole & placed
        for place, name in enumerate(analysis.sets):
            used = whole & sets[name]
            model = formula.text
            if not sets[name].any():
                continue  # told of the set
            if not used.any():
                yield _Lack(
                    ("sets", place), f"the set `{name}` has no row with every value{there}", model
                )
                continue
            if arm in formula.columns:
                for level in small_arms(used):
                    only = f"one patient of {arm} {level}{there}"
                    text = f"the set `{name}` has {only}, an arm needs more"
                    yield _Lack(("sets", place), text, model)
            if "log" in analysis.scales:
                values = frame.loc[sets[name], outcome].to_numpy(np.float64, na_value=np.nan)
                smallest = np.nanmin(values)
                if smallest <= 0.0:
                    text = f"log: `{outcome}` is {smallest:g} in the set `{name}`"
                    yield _Lack(("scales", analysis.scales.index("log")), text, model)
            if analysis.kind == "mmrm":
                twice = frame.loc[used, [patient, time]].duplicated()
                if twice.any():
                    who, when = (frame.loc[used, name][twice].iloc[0] for name in (patient, time))
                    text = f"{patient} {who} has two rows at {time} {when}, mmrm needs one"
                    yield _Lack(("kind",), text, model)
            if moderator and frame.loc[used, moderator].nunique() < FEWEST:
                value = frame.loc[used, moderator].iloc[0]
                text = f"is {value} throughout the set `{name}`: one value moderates nothing"
                yield _Lack(("moderators", analysis.moderators.index(moderator)), text, model)


def _small_arms(arms: pd.Series, patients: pd.Series) -> Callable[[Mask], list[Any]]:
    """For rows used: the levels that occur in them with fewer patients than an arm needs."""
    by_level = arms.astype("category").cat
    arm = by_level.codes.to_numpy(np.intp)
    patient, names = pd.factorize(patients)
    person = arm * len(names) + patient
    named = (arm >= 0) & (patient >= 0)
    levels = by_level.categories

    def small(used: Mask) -> list[Any]:
        rows = np.bincount(arm[used & (arm >= 0)], minlength=len(levels))
        people = np.unique(person[used & named]) // max(len(names), 1)
        counts = np.bincount(people, minlength=len(levels))
        return list(levels[(rows > 0) & (counts < FEWEST)])

    return small


def _columns(analysis: Analysis, formula: Formula) -> list[str]:
    extra = (column for column in (analysis.weights, analysis.offset) if column)
    return list(dict.fromkeys((*formula.columns, *extra)))


def coupled(plan: Plan, frame: pd.DataFrame) -> tuple[str, ...]:
    """Warnings of moderators that are the outcome's own baseline value, one line each.

    A moderator that is part of the change it is to explain is correlated with it by regression to
    the mean alone (Oldham 1962, J. Chronic Dis. 15, 969-977; Tu & Gilthorpe 2007, Stat. Med. 26,
    443-457).

    Args:
        plan: names the columns.
        frame: the data with scores and derived columns.
    """
    first = frame[np.asarray(patient_visits(frame, plan.data.id, plan.data.time).visit == 0)]
    found = []
    for analysis in plan.analyses:
        for outcome, moderator in combinations(analysis):
            if not moderator:
                continue
            pair = first[[outcome, moderator]].dropna()
            if len(pair) and pair[outcome].tolist() == pair[moderator].tolist():
                found.append(
                    f"{analysis.id}: `{moderator}` is the baseline of `{outcome}` itself: its "
                    "effect on the change is partly regression to the mean, in every arm; compare "
                    "arms, or model the end value with the baseline as a covariate (ANCOVA)"
                )
    return tuple(dict.fromkeys(found))
