"""Both sides' p values, adjusted over the families of a plan once every model is fitted.

Python adjusts the port's p values and R adjusts R's. A family is adjusted whole or not at all: a
test that one side lacks leaves that side without adjusted p values, and says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.compare.fits import Fitted
from harness.engines.multiplicity import adjusted_p, deciding_p
from harness.engines.r.adjusted import AdjustedByR, PValues
from harness.engines.reference import Reference
from harness.errors import EXIT_NOT_RUN, HarnessError
from harness.models.families import Family
from harness.models.inference import AdjustedP
from harness.models.record import Answer, Estimates, NotComputed
from harness.models.rows import rows_of
from harness.models.spec import ModelKey
from harness.sets.analysis_set import AnalysisSet

if TYPE_CHECKING:
    import pandas as pd

Tests = tuple[tuple[ModelKey, str], ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """Why a side of a family has no adjusted p values.

    Attributes:
        reason: in words.
        key: the first model at fault.
        exit_code: what the run must at least exit with because of it.
    """

    reason: str
    key: ModelKey
    exit_code: int = EXIT_NOT_RUN


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a family, in the order of its tests.

    Attributes:
        p_values: empty where one is missing.
        p_adjusted: empty where there is none.
        missing: why p values or adjusted ones are missing; None where nothing is.
    """

    p_values: tuple[float, ...] = ()
    p_adjusted: tuple[float, ...] = ()
    missing: Missing | None = None


@dataclass(frozen=True, slots=True)
class Adjusted:
    """A family with both sides' answers.

    Attributes:
        family: the family.
        tests: model and term of each test; of the models that were fitted, if some were left out.
        python, r: the two sides.
        left_out: how many of its models were not asked for; then nothing is adjusted.
    """

    family: Family
    tests: Tests
    python: Side = Side()
    r: Side = Side()
    left_out: int = 0

    @property
    def sentence(self) -> str:
        """``BH over 147 tests of moderation in ITT``."""
        return self.family.sentence(len(self.tests))

    @property
    def missing(self) -> tuple[tuple[str, Missing], ...]:
        """The sides that have no adjusted p values though they were asked for, and why."""
        if self.left_out or not self.family.adjusts:
            return ()
        sides = (("python", self.python.missing), ("r", self.r.missing))
        return tuple((name, why) for name, why in sides if why is not None)


def adjust_families(
    families: Iterable[Family],
    fits: Sequence[Fitted],
    sets: Mapping[str, AnalysisSet],
    frame: pd.DataFrame,
    reference: Reference,
) -> tuple[Adjusted, ...]:
    """Adjust both sides' p values, family by family.

    Args:
        families: of the plan.
        fits: both answers of every model that was asked for.
        sets: analysis sets by name.
        frame: the data with derived columns.
        reference: has R adjust its p values, or knows what R answered.
    """
    by_key = {fitted.task.key: fitted for fitted in fits}
    found = []
    for family in families:
        members = [member for member in family.members if member.key in by_key]
        tests: list[tuple[ModelKey, str]] = []
        broken: Missing | None = None
        for member in members:
            try:
                names = member.tests(rows_of(member.task, sets, frame))
                why = f"no coefficient of {' or '.join(member.terms)} can be estimated"
            except HarnessError as error:
                names, why = (), str(error)
            tests += [(member.key, name) for name in names]
            if not names and broken is None:
                broken = Missing(f"{member.key.place}: {why}", member.key)
        left_out = len(family.members) - len(members)
        if left_out:
            found.append(Adjusted(family, tuple(tests), left_out=left_out))
            continue
        by_r = _by_reference(family, tests, reference)
        ours = _side(tests, broken, by_key, _python, _by_python(family))
        theirs = _side(tests, broken, by_key, _r, by_r if family.adjusts else _by_nobody)
        found.append(Adjusted(family, tuple(tests), ours, theirs))
    return tuple(found)


def recordable(
    found: Iterable[Adjusted], fits: Iterable[Fitted]
) -> tuple[tuple[AdjustedByR, ...], dict[str, str]]:
    """R's adjusted families, as they are recorded, and the versions of the R that adjusted them."""
    answers = tuple(
        AdjustedByR(p_values_of(one.family, one.tests, one.r.p_values), one.r.p_adjusted)
        for one in found
        if one.r.p_adjusted
    )
    versions = (f.r.versions for f in fits if isinstance(f.r, Estimates))
    return answers, next(versions, {})


def with_adjusted(fits: Iterable[Fitted], found: Iterable[Adjusted]) -> tuple[Fitted, ...]:
    """The fits, each answer with its adjusted p values, or with why it has none."""
    rows: dict[tuple[str, ModelKey], list[AdjustedP]] = {}
    refused: dict[tuple[str, ModelKey], str] = {}
    for adjusted in found:
        family, tests = adjusted.family, adjusted.tests
        for name, side in (("python", adjusted.python), ("r", adjusted.r)):
            other = adjusted.r if name == "python" else adjusted.python
            if side.p_adjusted:
                decided = deciding_p(side.p_values, family.method).tolist()
                for (key, term), p, by in zip(tests, side.p_adjusted, decided, strict=True):
                    row = AdjustedP(term, p, family.method, family.of, len(tests), by)
                    rows.setdefault((name, key), []).append(row)
            elif side.missing is not None and other.p_adjusted:
                refused |= dict.fromkeys(((name, key) for key, _ in tests), side.missing.reason)
    return tuple(
        replace(
            fitted,
            python=_told(fitted.python, ("python", fitted.task.key), rows, refused),
            r=_told(fitted.r, ("r", fitted.task.key), rows, refused),
        )
        for fitted in fits
    )


def _told(
    answer: Answer,
    place: tuple[str, ModelKey],
    rows: Mapping[tuple[str, ModelKey], list[AdjustedP]],
    refused: Mapping[tuple[str, ModelKey], str],
) -> Answer:
    if not isinstance(answer, Estimates):
        return answer
    if place in rows:
        answer = replace(answer, adjusted=tuple(rows[place]))
    if place in refused:
        answer = replace(answer, refused={**(answer.refused or {}), "adjust": refused[place]})
    return answer


def _python(fitted: Fitted) -> Answer:
    return fitted.python


def _r(fitted: Fitted) -> Answer:
    return fitted.r


_Adjust = Callable[[tuple[float, ...]], tuple[float, ...]]


def _by_nobody(p_values: tuple[float, ...]) -> tuple[float, ...]:
    return ()


def _by_python(family: Family) -> _Adjust:
    if not family.adjusts:
        return _by_nobody

    def adjust(p_values: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(adjusted_p(p_values, family.method).tolist())

    return adjust


def _by_reference(family: Family, tests: Sequence[tuple[ModelKey, str]], r: Reference) -> _Adjust:
    def adjust(p_values: tuple[float, ...]) -> tuple[float, ...]:
        return r.adjust(p_values_of(family, tests, p_values)).p_adjusted

    return adjust


def p_values_of(
    family: Family, tests: Iterable[tuple[ModelKey, str]], p_values: tuple[float, ...]
) -> PValues:
    """A family's p values as R is asked about them."""
    names = tuple(f"{term} in {key.place}" for key, term in tests)
    return PValues(family.of, family.method, names, p_values)


def _side(
    tests: Sequence[tuple[ModelKey, str]],
    broken: Missing | None,
    fits: Mapping[ModelKey, Fitted],
    answer_of: Callable[[Fitted], Answer],
    adjust: _Adjust,
) -> Side:
    if broken is not None:
        return Side(missing=broken)
    p_values: list[float] = []
    missing: list[Missing] = []
    for key, term in tests:
        p = _p_value(key, term, answer_of(fits[key]))
        if isinstance(p, Missing):
            missing.append(p)
        else:
            p_values.append(p)
    if missing:
        more = f" (and {len(missing) - 1} more of its tests)" if len(missing) > 1 else ""
        code = max(one.exit_code for one in missing)
        return Side(missing=Missing(missing[0].reason + more, missing[0].key, code))
    try:
        return Side(tuple(p_values), adjust(tuple(p_values)))
    except HarnessError as error:
        code = max(error.exit_code, EXIT_NOT_RUN)
        return Side(tuple(p_values), missing=Missing(str(error), tests[0][0], code))


def _p_value(key: ModelKey, term: str, answer: Answer) -> float | Missing:
    if isinstance(answer, NotComputed):
        return Missing(f"{key.place} was not computed", key, answer.exit_code)
    found = {row.term: row.p_value for row in answer.anova or ()}
    found |= {row.term: row.p_value for row in answer.fixed}
    p = found.get(term)
    if p is None:
        return Missing(f"there is no p value of {term} in {key.place}", key)
    if math.isnan(p):
        return Missing(f"the p value of {term} in {key.place} is NaN", key)
    return float(p)
