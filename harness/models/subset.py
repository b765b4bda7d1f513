"""A design on some of its rows, its columns and codings kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from harness.errors import ModelError
from harness.models.design import Design, check_random
from harness.models.frame import Grouping
from harness.models.orthogonal import OrthogonalFactor, dependent_columns, orthogonal_factor
from harness.models.variables import Factor, Variable


def rows_kept(design: Design, keep: npt.NDArray[np.bool_]) -> Design:
    """The design of some of the rows.

    X and Z keep their columns: levels, contrasts and the constants of ``scale`` and ``poly`` stay
    those of all rows, so that coefficients keep their meaning. Columns that are dependent on the
    rows kept are dropped as always.

    Args:
        design: of all rows.
        keep: (n,) which rows.

    Raises:
        ModelError: a grouping factor with one level left, or no residual.
    """
    frame = design.frame
    used = np.setdiff1d(np.arange(frame.n_rows), frame.omitted)
    groupings = tuple(_grouping(grouping, keep) for grouping in design.groupings)
    small = replace(
        frame,
        omitted=np.union1d(frame.omitted, used[~keep]),
        y=frame.y[keep],
        variables={k: _variable(v, keep) for k, v in frame.variables.items()},
        groupings=groupings,
        weights=None if frame.weights is None else frame.weights[keep],
        offset=None if frame.offset is None else frame.offset[keep],
    )
    random = tuple(
        replace(term, columns=tuple(column[keep] for column in term.columns))
        for term in design.random
    )
    check_random(small, list(random))
    XY = np.asfortranarray(design.XY[keep])
    names, messages = design.names, design.messages
    p = len(names)
    if small.n_obs < p + 1:
        raise ModelError(f"{p} fixed effects for {small.n_obs} rows: no residual is left")
    factor = orthogonal_factor(XY)
    plain = None if design.plain_x is None else design.plain_x[keep]
    dependent = dependent_columns(_unweighted(plain, factor).R[:p, :p])
    kept = [j for j in range(p) if j not in set(dependent)]
    if dependent:
        XY = np.asfortranarray(XY[:, [*kept, p]])
        plain = None if plain is None else plain[:, kept]
        factor = orthogonal_factor(XY)
    return replace(
        design,
        frame=small,
        names=tuple(names[j] for j in kept),
        XY=XY,
        factor=factor,
        random=random,
        dropped=design.dropped + tuple(names[j] for j in dependent),
        messages=messages,
        plain_x=plain,
    )


def _unweighted(
    plain: npt.NDArray[np.float64] | None, factor: OrthogonalFactor
) -> OrthogonalFactor:
    """The factor by which dependence is judged: weights have no say in it."""
    return factor if plain is None else orthogonal_factor(np.asfortranarray(plain))


def _grouping(grouping: Grouping, keep: npt.NDArray[np.bool_]) -> Grouping:
    codes = grouping.codes[keep]
    sizes = np.bincount(codes, minlength=len(grouping.sizes))
    present = sizes > 0
    if present.sum() < 2:
        raise ModelError(f"grouping factor `{grouping.label}` has one level in the rows left")
    rank = np.cumsum(present) - 1
    return Grouping(grouping.label, rank[codes], sizes[present], grouping.levels[present])


def _variable(variable: Variable, keep: npt.NDArray[np.bool_]) -> Variable:
    if isinstance(variable, Factor):
        return replace(variable, codes=variable.codes[keep])
    return replace(variable, columns=tuple(column[keep] for column in variable.columns))
