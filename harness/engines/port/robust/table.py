"""Robust tests of every coefficient of a fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.engines.port.robust.clusters import clusters_of
from harness.engines.port.robust.cr2 import cr2_errors
from harness.engines.port.robust.hc3 import hc3_errors
from harness.engines.port.wald import WaldTable, wald_table
from harness.errors import ModelError
from harness.models.inference import RobustTest

if TYPE_CHECKING:
    from harness.engines.port.fitted import FittedModel
    from harness.engines.port.lm import LinearFit
    from harness.models.besides import Robust
    from harness.models.spec import DfMethod


def robust_table(
    fit: FittedModel | LinearFit, robust: Robust, df: DfMethod, level: float = 0.95
) -> WaldTable:
    """Tests of every coefficient with robust errors.

    Args:
        fit: the model; its coefficients stay what they are.
        robust: which errors. CR2 brings its own degrees of freedom.
        df: of HC3's tests: those of a linear model's others, residual or infinite.
        level: of the intervals.

    Raises:
        ModelError: HC3 of a mixed model, or errors that cannot be had.
    """
    from harness.engines.port.lm import LinearFit

    design = fit.design
    if robust.kind == "CR2":
        y = design.y if design.offset is None else design.y - design.offset
        found = cr2_errors(design.X, y, clusters_of(fit, robust.cluster))
        return wald_table(fit.beta, found.std_error, found.df, level)
    if not isinstance(fit, LinearFit):
        raise ModelError("HC3 is for linear models; a mixed model has CR2")
    errors = hc3_errors(design.XY[:, :-1], design.XY[:, -1])
    return wald_table(fit.beta, errors, fit.contrast_df(None, df), level)


def robust_rows(
    fit: FittedModel | LinearFit, robust: Robust, df: DfMethod, level: float
) -> tuple[RobustTest, ...]:
    """The table under the names of an answer, ``CR2(armMBSR:timepost)``.

    Raises:
        ModelError: as :func:`robust_table`.
    """
    rows = robust_table(fit, robust, df, level).rows()
    return tuple(
        RobustTest(robust.term(name), *row) for name, row in zip(fit.names, rows, strict=True)
    )
