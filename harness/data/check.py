"""A plan against its codebook and data: names, types and levels, with the plan's lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pandas as pd

from harness.data.cells import number
from harness.data.codebook import Codebook
from harness.data.derive import one, panel_of, placed
from harness.data.improvements import improvements
from harness.data.names import unknown_column as _unknown
from harness.data.outliers import in_order, outlier_column
from harness.data.patients import check_patients
from harness.errors import DataError, FormulaError, Problem
from harness.language import evaluate, names_in, parse_expression
from harness.plan.besides import baseline_column
from harness.plan.check import combinations, filled
from harness.plan.document import Path_
from harness.plan.placed import placed_columns
from harness.plan.schema import Analysis, Factor, Plan

Report = Callable[[Path_, str], None]


def check_codebook(plan: Plan, codebook: Codebook) -> Iterator[Problem]:
    """What the codebook says against the design: the times at which variables are collected."""
    levels = plan.data.time.levels
    for variable in codebook.variables:
        for time in variable.times:
            if time not in levels:
                yield Problem(
                    codebook.file,
                    variable.line,
                    f"{variable.name}.times",
                    f"`{time}` is no level of {plan.data.time.column}; "
                    f"the plan has {', '.join(levels)}",
                )


def check_design(plan: Plan, codebook: Codebook, frame: pd.DataFrame, report: Report) -> None:
    """Id, arm and time: columns of the right type, with levels that agree and occur."""
    known = codebook.by_name
    column = plan.data.id
    if column in codebook.unread:
        pass  # its line of the codebook is reported
    elif column not in known:
        report(("data", "id"), _unknown(column, known))
    elif known[column].type != "id":
        report(("data", "id"), f"`{column}` is of type {known[column].type}, not id")
    for part, factor in (("arm", plan.data.arm), ("time", plan.data.time)):
        here: Path_ = ("data", part)
        if factor.column in codebook.unread:
            continue
        if factor.column not in known:
            report((*here, "column"), _unknown(factor.column, known))
            continue
        kind = known[factor.column].type
        if kind == "factor":
            declared = known[factor.column].levels
            if declared != factor.levels:
                report(
                    (*here, "levels"),
                    f"the codebook has {', '.join(declared)} in this order, "
                    f"the plan {', '.join(factor.levels)}",
                )
        elif not (part == "time" and known[factor.column].numeric):
            report((*here, "column"), f"`{factor.column}` is of type {kind}, not factor")
            continue
        if factor.column in frame.columns:
            _check_occurrence(factor, frame[factor.column], here, report)


def check_columns(
    plan: Plan,
    codebook: Codebook,
    frame: pd.DataFrame,
    report: Report,
    broken: Iterable[str] = (),
) -> pd.DataFrame:
    """Every name in derived columns, sets and formulas; expressions are tried on the data.

    Args:
        plan: right in shape, perhaps without the parts that were not.
        codebook: what columns there are.
        frame: the data, read.
        report: takes the problems.
        broken: derived columns known to be wrong; what uses them is not reported again.

    Returns:
        The frame with the derived columns that can be computed.
    """
    panel = panel_of(plan)
    frame = frame.copy(deep=False)
    broken = set(broken)
    ready = {panel.id, panel.time} <= set(frame.columns)
    declared = {name.casefold(): name for name in codebook.by_name}
    for name, is_outliers in in_order(plan, set(frame.columns)):
        here: Path_ = ("outliers" if is_outliers else "derive", name)
        if (taken := declared.get(name.casefold())) is not None:
            report(here, f"the data have a column `{taken}` already")
            continue
        declared[name.casefold()] = name
        if is_outliers:
            entry = plan.outliers[name]
            if entry.of not in frame.columns:
                if entry.of not in broken:
                    report((*here, "of"), _unknown(entry.of, frame.columns))
            elif not pd.api.types.is_numeric_dtype(frame[entry.of].dtype):
                report((*here, "of"), f"`{entry.of}` is not a number")
            elif ready:
                frame[name] = outlier_column(plan, entry, frame)
                continue
            broken.add(name)
            continue
        text = plan.derive[name]
        try:
            if _names_known(text, frame, broken, here, report) and ready:
                frame[name] = one(text, frame, panel)
                continue
        except FormulaError as error:
            report(here, str(error))
        except DataError:
            pass  # two baseline rows: a fault of the data, which the gate reports row by row
        broken.add(name)
    _add_placed(plan, declared, frame, broken, report)
    for name, rule in plan.sets.items():
        here = ("sets", name) if isinstance(rule, str) else ("sets", name, "where")
        condition = rule if isinstance(rule, str) else rule.where
        if condition is None:
            continue
        try:
            if not _names_known(condition, frame, broken, here, report):
                continue
            if evaluate(parse_expression(condition), frame).dtype != "boolean":
                report(here, "is not a condition; compare it with something")
        except FormulaError as error:
            report(here, str(error))
    check_patients(plan, frame, broken, report)
    for position, analysis in enumerate(plan.analyses):
        _check_analysis(analysis, ("analyses", position), frame, broken, report)
        _check_responders(analysis, ("analyses", position), plan, codebook, broken, report)
    return frame


def _add_placed(
    plan: Plan, declared: dict[str, str], frame: pd.DataFrame, broken: set[str], report: Report
) -> None:
    """Add the columns that placeholders stand for to the frame; those it cannot have to broken."""
    taken = {str(name).casefold(): str(name) for name in frame.columns} | declared
    design = {plan.data.id, plan.data.arm.column, plan.data.time.column}
    for name, column in placed_columns(plan).items():
        broken.add(name)
        if (other := taken.get(name.casefold())) is not None:
            report(
                column.place,
                f"`{{{column.placeholder}}}` is a column `{name}`, and there is `{other}` already: "
                "name that otherwise",
            )
            continue
        needed = design | {column.outcome} - {""}
        if needed & broken or not needed <= set(frame.columns):
            continue  # reported where they are named
        try:
            frame[name] = placed(column, frame, plan)
        except FormulaError as error:
            report(column.place, str(error))
        except DataError:
            pass  # two baseline rows, which the gate reports
        else:
            broken.discard(name)


def _check_analysis(
    analysis: Analysis, where: Path_, frame: pd.DataFrame, broken: set[str], report: Report
) -> None:
    for part in ("outcomes", "moderators"):
        for position, name in enumerate(getattr(analysis, part)):
            here = (*where, part, position)
            if name in broken:
                continue
            if name not in frame.columns:
                report(here, _unknown(name, frame.columns))
            elif part == "outcomes" and not pd.api.types.is_numeric_dtype(frame[name].dtype):
                report(here, f"`{name}` is not a number")
    for position, scale in enumerate(analysis.scales):
        for name in analysis.outcomes if scale != "raw" else ():
            if f"{scale}.{name}" in frame.columns:
                report((*where, "scales", position), f"the data have a column `{scale}.{name}`")
    given = {*analysis.outcomes, *analysis.moderators}
    try:
        # The other columns are the same for every outcome and moderator.
        formula = filled(analysis, *next(combinations(analysis)))
    except FormulaError:
        return  # reported with the plan
    for name in formula.columns:
        if name not in given | broken and name not in frame.columns:
            report((*where, "formula"), _unknown(name, frame.columns))
    for part in ("weights", "offset"):
        column = getattr(analysis, part)
        if column is None or column in broken:
            continue
        if column not in frame.columns:
            report((*where, part), _unknown(column, frame.columns))
        elif not pd.api.types.is_numeric_dtype(frame[column].dtype):
            report((*where, part), f"`{column}` is not a number")
    for position, name in enumerate(analysis.missing.covariates if analysis.missing else ()):
        if name not in broken and name not in frame.columns:
            report((*where, "missing", "covariates", position), _unknown(name, frame.columns))
    if analysis.effect_size is not None and analysis.effect_size.column is not None:
        for column in dict.fromkeys(baseline_column(analysis, name) for name in analysis.outcomes):
            here = (*where, "effect_size", "column")
            if column not in broken and column not in frame.columns:
                report(here, _unknown(column, frame.columns))
            elif column not in broken and not pd.api.types.is_numeric_dtype(frame[column].dtype):
                report(here, f"`{column}` is not a number")
    for column in analysis.contrasts:
        here = (*where, "contrasts", column)
        if column in broken:
            continue
        if column not in frame.columns:
            report(here, _unknown(column, frame.columns))
        elif column not in {*formula.columns, *analysis.moderators}:
            report(here, f"`{column}` is not in the formula; leave its contrasts out")
        elif pd.api.types.is_numeric_dtype(frame[column].dtype):
            report(here, f"`{column}` is a number; declare it as a factor in the codebook")


def _check_responders(
    analysis: Analysis,
    where: Path_,
    plan: Plan,
    codebook: Codebook,
    broken: set[str],
    report: Report,
) -> None:
    """Which way an outcome improves must be known where responders are counted."""
    if "responders" not in analysis.report:
        return
    if analysis.responder is not None and analysis.responder.direction is not None:
        return
    known = improvements(plan, codebook)
    for position, name in enumerate(analysis.outcomes):
        if name not in known and name not in broken:
            report(
                (*where, "outcomes", position),
                f"responders: the codebook does not say which way `{name}` improves; "
                "write `responder: {direction: lower}`, or higher",
            )


def _names_known(
    text: str, frame: pd.DataFrame, broken: set[str], here: Path_, report: Report
) -> bool:
    """Whether an expression can be tried; unknown names are reported, known-broken ones not."""
    try:
        names = names_in(parse_expression(text))
    except FormulaError:
        return False  # reported with the plan
    unknown = [name for name in names if name not in frame.columns and name not in broken]
    for name in unknown:
        report(here, _unknown(name, frame.columns))
    return not unknown and not broken.intersection(names)


def _check_occurrence(factor: Factor, column: pd.Series, here: Path_, report: Report) -> None:
    if isinstance(column.dtype, pd.CategoricalDtype):
        present = {str(level) for level in column.dropna().unique()}
        absent = [level for level in factor.levels if level not in present]
    else:
        values = np.asarray(column, dtype=np.float64)
        absent = [level for level in factor.levels if number(level) not in set(values.tolist())]
    for level in absent:
        position = factor.levels.index(level)
        report((*here, "levels", position), f"`{level}` does not occur in `{factor.column}`")
