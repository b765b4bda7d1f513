"""Markers with a limit of detection: what stands for a value that the assay could not see.

The limit is the codebook's ``lod``, in the marker's unit. A value lies below it where the plan's
flag column says so; without such a column, where it is smaller than the limit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.data.codebook import Codebook, Variable
from harness.data.names import unknown_column
from harness.plan.detection import detection_columns
from harness.plan.document import Path_
from harness.plan.schema import Plan
from harness.plan.sections.markers import Detection, DetectionRule

Report = Callable[[Path_, str], None]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class BelowLimit:
    """How many values of a marker lie below its limit, of those that were measured.

    Attributes:
        group: arm and time, ``TAU pre``; empty for all rows.
        below, measured: numbers of values.
    """

    group: str
    below: int
    measured: int


@dataclass(frozen=True, slots=True, eq=False)
class Detected:
    """One marker and what became of its values below the limit.

    Attributes:
        column: the marker.
        unit: its unit, as the codebook has it.
        below: the flag column; empty where the limit itself decides.
        lod: limit of detection, in the marker's unit.
        columns: the columns made, the marker's own first, and the rule of each.
        values: the new values (n,) of each column.
        unknown: measured values whose flag is missing: they are left out.
        unflagged: values smaller than the limit whose flag says otherwise.
        counts: over all rows, then by arm and time.
    """

    column: str
    unit: str
    below: str
    lod: float
    columns: dict[str, DetectionRule]
    values: dict[str, Floats]
    unknown: int
    unflagged: int
    counts: tuple[BelowLimit, ...]

    @property
    def sentence(self) -> str:
        """One line for a reader: the limit, the share below it, and what stands there."""
        whole, *groups = self.counts
        by = f"flag {self.below}" if self.below else "values smaller than it"
        rules = ", ".join(f"{name} {rule}" for name, rule in self.columns.items())
        line = (
            f"detection of {self.column}: limit {self.lod:g} {self.unit}".rstrip()
            + f" ({by}); below it {_share(whole)}"
            + (f", {', '.join(f'{g.group} {_share(g)}' for g in groups)}" if groups else "")
            + f"; in their place: {rules}"
        )
        if self.unknown:
            line += f"; left out because the flag is missing: {self.unknown}"
        if self.unflagged:
            line += f"; WARNING: smaller than the limit but not flagged: {self.unflagged}"
        return line


def _share(count: BelowLimit) -> str:
    percent = f" ({100 * count.below / count.measured:.1f} %)" if not count.group else ""
    return f"{count.below} of {count.measured}{percent if count.measured else ''}"


def substituted(values: Floats, below: Floats, lod: float, rule: DetectionRule) -> Floats:
    """What stands for a marker by one rule.

    Hornung & Reed 1990 (Appl. Occup. Environ. Hyg. 5) give LOD/2 and LOD/sqrt(2).

    Args:
        values: (n,) in the marker's unit, NaN where missing.
        below: (n,) 1 where the value lies below the limit, 0 where not, NaN where that is not
            known.
        lod: the limit, in the marker's unit.
        rule: ``lod``, ``lod/2`` and ``lod/sqrt2`` put a number in the place of what lies below,
            also where the cell was empty; ``drop`` nothing; ``as-is`` changes no value.

    Returns:
        (n,) new values; NaN where ``below`` is NaN, unless the rule is ``as-is``.
    """
    if rule == "as-is":
        return values.copy()
    numbers = {"lod": lod, "lod/2": lod / 2.0, "lod/sqrt2": lod / math.sqrt(2.0), "drop": math.nan}
    replaced = np.where(below == 1.0, numbers[rule], values)
    return np.where(np.isnan(below), np.nan, replaced)


def add_detected(frame: pd.DataFrame, detected: Iterable[Detected]) -> pd.DataFrame:
    """The frame with each marker as its rules have it; ``frame`` itself is not changed."""
    result = frame.copy(deep=False)
    for one in detected:
        for name, values in one.values.items():
            result[name] = pd.Series(values, index=frame.index)
    return result


def check_detection(
    plan: Plan, codebook: Codebook, frame: pd.DataFrame, report: Report
) -> tuple[tuple[Detected, ...], set[str]]:
    """Check the entries of ``detection:`` against the data, and apply those that are sound.

    Args:
        plan: right in shape.
        codebook: what columns there are, and their limits.
        frame: the data, read.
        report: takes the problems.

    Returns:
        What became of each marker, and the columns that could not be made.
    """
    done: list[Detected] = []
    unmade: set[str] = set()
    taken = {column.casefold(): column for column in (*codebook.by_name, *frame.columns)}
    for name, entry in plan.detection.items():
        sound = _check_entry(name, entry, codebook, report)
        for column in entry.also:
            if (there := taken.get(column.casefold())) is not None:
                here: Path_ = ("detection", name, "also", column)
                report(here, f"the data have a column `{there}` already")
                sound = False
        flag = entry.below
        if not sound or name not in frame.columns or not (flag is None or flag in frame.columns):
            unmade |= set(detection_columns(name, entry))
            continue
        done.append(_detected(plan, codebook.by_name[name], entry, frame))
    return tuple(done), unmade


def _check_entry(name: str, entry: Detection, codebook: Codebook, report: Report) -> bool:
    """Whether a marker has a limit, and its flag column is one."""
    known = codebook.by_name
    here: Path_ = ("detection", name)
    marker = known.get(name)
    problem = ""
    if marker is None:
        if name not in codebook.unread:
            problem = unknown_column(name, known)
    elif marker.type not in ("integer", "number"):
        problem = f"is of type {marker.type}; only a number has a limit of detection"
    elif marker.lod is None:
        problem = f"has no limit of detection: fill `lod` in {codebook.file}, line {marker.line}"
    elif marker.lod <= 0:
        problem = (
            f"has the limit of detection {marker.lod:g} ({codebook.file}, line {marker.line}); "
            "it must be positive"
        )
    if problem:
        report(here, problem)
    sound = marker is not None and not problem
    if entry.below is None or entry.below in codebook.unread:
        return sound and entry.below is None
    flag = known.get(entry.below)
    if flag is not None and flag.type == "flag":
        return sound
    what = unknown_column(entry.below, known)
    if flag is not None:
        what = f"`{entry.below}` is of type {flag.type}, not flag"
    report((*here, "below"), what)
    return False


def _detected(plan: Plan, marker: Variable, entry: Detection, frame: pd.DataFrame) -> Detected:
    if marker.lod is None:
        raise ValueError(f"`{marker.name}` has no limit of detection")
    values = np.asarray(frame[marker.name], dtype=np.float64)
    smaller = np.where(np.isnan(values), np.nan, (values < marker.lod).astype(np.float64))
    below = smaller
    if entry.below is not None:
        below = np.asarray(frame[entry.below], dtype=np.float64)
    columns = detection_columns(marker.name, entry)
    return Detected(
        column=marker.name,
        unit=marker.unit,
        below=entry.below or "",
        lod=marker.lod,
        columns=columns,
        values={name: substituted(values, below, marker.lod, r) for name, r in columns.items()},
        unknown=int((np.isnan(below) & ~np.isnan(values)).sum()),
        unflagged=int(((smaller == 1.0) & (below == 0.0)).sum()),
        counts=_counts(plan, frame, values, below),
    )


def _counts(
    plan: Plan, frame: pd.DataFrame, values: Floats, below: Floats
) -> tuple[BelowLimit, ...]:
    """Over all rows, then for each arm at each time, by the plan's levels."""
    low = below == 1.0
    measured = low | ((below == 0.0) & ~np.isnan(values))

    def count(group: str, rows: Bools) -> BelowLimit:
        return BelowLimit(group, int((low & rows).sum()), int((measured & rows).sum()))

    found = [count("", np.ones(len(values), dtype=np.bool_))]
    arm, time = plan.data.arm, plan.data.time
    if {arm.column, time.column} <= set(frame.columns):
        for a in arm.levels:
            for t in time.levels:
                rows = _at(frame[arm.column], a) & _at(frame[time.column], t)
                found.append(count(f"{a} {t}", rows))
    return tuple(found)


def _at(column: pd.Series, level: str) -> Bools:
    """Which rows have a level, of a factor by its text or of a number by its value."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return np.asarray(column.astype(object) == level, dtype=np.bool_)
    try:
        return np.asarray(column.to_numpy(dtype=np.float64) == float(level), dtype=np.bool_)
    except ValueError:
        return np.zeros(len(column), dtype=np.bool_)
