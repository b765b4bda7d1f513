"""Subjects and visits of a repeated-measures model, from the data's columns."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.engines.port.repeated.patterns import Occasions
from harness.errors import DataError, ModelError
from harness.language.formula import Formula
from harness.language.nodes import Name, names_in
from harness.models.variables import Factor, check_exact, evaluate_variable, level_text

Codes = npt.NDArray[np.intp]


def coded(column: str, data: pd.DataFrame, label: str) -> tuple[Codes, pd.Index]:
    """A column's codes (n,), -1 where missing, and its levels.

    Categories keep their order, text is ordered by code point, numbers by value.

    Raises:
        DataError: no such column, or two of that name.
        ModelError: a column of a type that cannot label anything.
    """
    if column not in data.columns:
        known = ", ".join(str(c) for c in list(data.columns)[:12])
        raise DataError(f"no column `{column}` in the data for {label}=; it has: {known}")
    variable = evaluate_variable(Name(column), data)
    if isinstance(variable, Factor):
        return variable.codes.astype(np.intp), variable.levels
    codes, levels = pd.factorize(variable.columns[0], sort=True)
    check_exact(column, levels)
    return codes.astype(np.intp), pd.Index(levels)


def known_rows(
    formula: Formula, data: pd.DataFrame, subject: str, visit: str
) -> tuple[pd.DataFrame, str]:
    """The data with the outcome missing where subject or visit are, and a message on that.

    So such rows are omitted as incomplete ones are: their place is kept with the fit, and
    functions of a column (``scale(x)``) see the rows they always see.

    Raises:
        DataError: no row has subject and visit.
    """
    missing = np.zeros(len(data), dtype=bool)
    for column, label in ((subject, "subject"), (visit, "visit")):
        missing |= coded(column, data, label)[0] < 0
    if not missing.any():
        return data, ""
    if missing.all():
        raise DataError(f"no row has both `{subject}` and `{visit}`; check the two columns")
    outcome = next(iter(names_in(formula.response)), "")
    if outcome not in data.columns:
        return data, ""  # the model frame says so
    number = int(missing.sum())
    said = f"{number} rows without `{subject}` or `{visit}` omitted"
    return data.assign(**{str(outcome): data[outcome].mask(missing)}), said


def occasions(
    data: pd.DataFrame, omitted: npt.NDArray[np.intp], subject: str, visit: str
) -> Occasions:
    """Who was seen when on the rows used.

    Args:
        data: all rows.
        omitted: positions of the rows not used.
        subject: column of the subjects.
        visit: column of the visits; a factor's levels are in order, numbers are ordered.

    Raises:
        ModelError: fewer than two subjects or visits.
    """
    used = np.ones(len(data), dtype=bool)
    used[omitted] = False
    found = []
    for column, label in ((subject, "subject"), (visit, "visit")):
        codes, levels = coded(column, data, label)
        codes = codes[used]
        present = np.bincount(codes, minlength=len(levels)) > 0
        if present.sum() < 2:
            raise ModelError(
                f"`{column}` has one value in the rows used (`{level_text(levels[codes[0]])}`): "
                f"repeated measures need several {label}s; check the column, or use lm"
            )
        rank = np.cumsum(present) - 1
        found.append((rank[codes], levels[present]))
    (subject_codes, subjects), (visit_codes, visits) = found
    return Occasions(
        subject=subject,
        visit=visit,
        subjects=subjects,
        visits=tuple(level_text(level) for level in visits),
        subject_codes=subject_codes,
        visit_codes=visit_codes,
    )
