"""Predictions on the rows used or for new data, with or without the random effects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular
from scipy.special import ndtri

from harness.engines.port.arguments import check_flag, check_frame
from harness.engines.port.intervals.level import check_level
from harness.engines.port.predictions.prediction_error import Row, relative_variance
from harness.engines.port.predictions.rows import in_basis
from harness.errors import DataError, ModelError
from harness.models.new_groups import NewGroups, columns_needed, new_groups
from harness.models.new_rows import new_rows
from harness.models.rowwise import new_offset

if TYPE_CHECKING:
    import pandas as pd

    from harness.engines.port.fit import Fit

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


def predict(
    fit: Fit,
    new: pd.DataFrame | None,
    random: bool | Sequence[str],
    allow_new_levels: bool,
) -> Vector:
    """Predicted means (k,), with the offset; lme4's ``predict``.

    Args:
        fit: the model.
        new: rows to predict for; the rows used if absent. A row with a missing value in a column
            the prediction needs has NaN.
        random: whether the random effects belong to the prediction (``re.form`` NULL or NA), or
            the labels of the grouping factors that do.
        allow_new_levels: take the effects of groups the fit has not seen as 0.

    Raises:
        DataError: a column is absent.
        ModelError: no such grouping factor; a level the fit has not seen, of a factor always, of
            a grouping factor unless allowed.
    """
    X, offset, groups, told = _rows(fit, new, random, allow_new_levels)
    values = X @ fit.beta + offset
    for label, part in groups.items():
        seen = part.codes >= 0
        modes = fit._modes[label][part.codes[seen]]
        values[seen] += (part.z[seen] * modes).sum(axis=1)
    return _among(values, told)


def prediction_table(
    fit: Fit,
    new: pd.DataFrame | None,
    random: bool | Sequence[str],
    allow_new_levels: bool,
    level: float,
) -> pd.DataFrame:
    """Predictions with standard errors and intervals; arguments and errors as :func:`predict`.

    Returns:
        One row a row, index as given: ``prediction``, ``std_error`` (of the predicted mean about
        its truth: the coefficients' error and, with random effects, what is not known of them,
        all of it for a new group), ``conf_low``, ``conf_high`` and, with all random effects,
        ``pred_low``, ``pred_high`` for a new observation (of prior weight 1, on the rows used of
        their own). Normal quantiles; theta and sigma are taken as known.
    """
    import pandas as pd

    check_level(level)
    design = fit.design
    X, _, groups, told = _rows(fit, new, random, allow_new_levels)
    rows = {}
    for label, part in groups.items():
        T = fit._posterior[label].T
        z = solve_triangular(T, part.z.T, trans="T").T
        rows[label] = Row(np.ascontiguousarray(z), part.codes)
    relative = relative_variance(
        fit.surface, fit.at, fit._posterior, in_basis(fit.surface, X), rows
    )
    value = predict(fit, new, random, allow_new_levels)
    error = _among(fit.sigma * np.sqrt(relative), told)
    wide = float(ndtri(0.5 + 0.5 * level))
    if new is None:
        used = np.setdiff1d(np.arange(design.frame.n_rows), design.frame.omitted)
        index = design.frame.data.index[used]
    else:
        index = new.index
    table = pd.DataFrame({"prediction": value, "std_error": error}, index=index)
    table["conf_low"], table["conf_high"] = value - wide * error, value + wide * error
    if set(_factors(fit, random)) == set(fit.groups):
        weight = 1.0 if new is not None or design.weights is None else design.weights
        spread = wide * np.sqrt(error**2 + fit.sigma**2 / weight)
        table["pred_low"], table["pred_high"] = value - spread, value + spread
    return table


def _rows(
    fit: Fit, new: pd.DataFrame | None, random: bool | Sequence[str], allow_new_levels: bool
) -> tuple[Matrix, Vector, dict[str, NewGroups], npt.NDArray[np.bool_]]:
    """Complete rows of X, the offset and the random effects; and which rows are complete."""
    design = fit.design
    factors = _factors(fit, random)
    check_flag("allow_new_levels", allow_new_levels, "True takes effects of new groups as 0")
    if new is None:
        n = fit.n_obs
        groups = {}
        for grouping in design.groupings:
            if grouping.label in factors:
                terms = [term for term in design.random if term.group == grouping.label]
                z = np.column_stack([column for term in terms for column in term.columns])
                groups[grouping.label] = NewGroups(z, grouping.codes.astype(np.intp), ())
        offset = np.zeros(n) if design.offset is None else design.offset
        return design.X, offset, groups, np.ones(n, dtype=bool)
    check_frame(new, "newdata")
    needed = columns_needed(design, factors)
    absent = [name for name in needed if name not in new]
    if absent:
        named = ", ".join(needed)
        raise DataError(f"new values: no column `{absent[0]}`; the prediction needs: {named}")
    twice = [name for name in needed if new.columns.tolist().count(name) > 1]
    if twice:
        raise DataError(f"new values: more than one column `{twice[0]}`; rename one")
    told = ~new[list(needed)].isna().any(axis=1).to_numpy()
    if not told.any():
        return np.empty((0, len(fit.names))), np.empty(0), {}, told
    whole = new[told]
    groups = new_groups(design, whole, factors)
    for label, part in groups.items():
        if part.unknown and not allow_new_levels:
            names = ", ".join(f"`{text}`" for text in part.unknown[:4])
            more = ", ..." if len(part.unknown) > 4 else ""
            raise ModelError(
                f"new values: the fit has not seen `{label}` {names}{more}; use "
                "allow_new_levels=True to take their effects as 0, or random=False"
            )
    spec = design.spec
    offset = np.zeros(len(whole))
    if spec.offset or spec.formula.offsets:
        offset = new_offset(spec, whole)
    return new_rows(design, whole).X, offset, groups, told


def _factors(fit: Fit, random: bool | Sequence[str]) -> tuple[str, ...]:
    """The grouping factors that belong to the prediction.

    Raises:
        ModelError: no such factor.
    """
    if isinstance(random, bool | np.bool_):
        return tuple(fit.groups) if random else ()
    if not isinstance(random, Sequence):
        raise ModelError(
            f"random must be True, False or names of grouping factors, not {random!r}; "
            f"the model has: {', '.join(fit.groups)}"
        )
    labels = (random,) if isinstance(random, str) else tuple(random)
    return tuple(fit.factor_label(label) for label in labels)


def _among(values: Vector, told: npt.NDArray[np.bool_]) -> Vector:
    """Values of the complete rows in their places among all, NaN elsewhere."""
    if told.all():
        return values
    result = np.full(len(told), np.nan)
    result[told] = values
    return result
