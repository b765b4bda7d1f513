"""One model of many completed data sets: X is the same in all of them, only the outcome differs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np
import numpy.typing as npt

from harness.errors import ModelError
from harness.language import parse_formula
from harness.language.nodes import Name
from harness.models.design import Design, build_design
from harness.models.spec import DfMethod, ModelSpec

if TYPE_CHECKING:
    import pandas as pd

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Analysed:
    """The coefficients of m models.

    Attributes:
        names: of the p coefficients.
        estimates: (m, p).
        variances: (m, p) squared standard errors.
        df: (m, p) degrees of freedom.
        df_method: how they were found.
    """

    names: tuple[str, ...]
    estimates: Matrix
    variances: Matrix
    df: Matrix
    df_method: DfMethod


def analyse(
    formula: str,
    outcome: str,
    frame: pd.DataFrame,
    responses: Matrix,
    *,
    reml: bool = True,
    df: DfMethod | None = None,
) -> Analysed:
    """Fit a model to every completed data set.

    Args:
        formula: with the outcome to the left.
        outcome: the imputed column.
        frame: the data without missing predictors; its own outcome is not used.
        responses: (rows, m) completed outcomes.
        reml: of mixed models.
        df: method of complete data; by default Satterthwaite's for a mixed model and the residual
            ones for a linear one.

    Raises:
        FormulaError, DataError, ModelError: a model that cannot be fitted to them, incomplete
            predictors, another response.
    """
    parsed = parse_formula(formula)
    if parsed.response != Name(outcome):
        raise ModelError(
            f"`{parsed.text}`: the imputed column `{outcome}` must be the response as it is"
        )
    if df is not None and df not in get_args(DfMethod):
        raise ModelError(
            f"no df method is called {df!r}; there are {', '.join(get_args(DfMethod))}"
        )
    mixed = ModelSpec(parsed).mixed
    spec = ModelSpec(parsed, reml=reml and mixed)
    design = build_design(spec, frame.assign(**{outcome: responses[:, 0]}))
    if len(design.omitted):
        lacking = [c for c in parsed.columns if c != outcome and frame[c].isna().any()]
        raise ModelError(
            f"{', '.join(f'`{c}`' for c in lacking)} missing in {len(design.omitted)} rows of the "
            "completed data: only the outcome is imputed; take what is one value a patient"
        )
    if mixed:
        return _mixed(design, responses, df or "satterthwaite")
    return _linear(design, responses, df or "residual")


def _mixed(design: Design, responses: Matrix, method: DfMethod) -> Analysed:
    from harness.engines.port.batch.refit import refit_all
    from harness.engines.port.fit import fit_design

    if method == "kenward-roger":
        from harness.engines.port.batch.responses import with_response

        each = np.ascontiguousarray(responses.T)
        tables = [fit_design(with_response(design, y)).table(method) for y in each]
        Q, SE, nu = (
            np.stack([getattr(table, name) for table in tables])
            for name in ("estimate", "std_error", "df")
        )
        return Analysed(design.names, Q, SE**2, nu, method)
    batch = refit_all(fit_design(design), responses)
    if batch.failures:
        number, reason = batch.failures[0]
        raise ModelError(f"imputation {number + 1} of {len(batch)}: {reason}")
    return Analysed(batch.names, batch.beta, batch.std_error**2, batch.df(method), method)


def _linear(design: Design, responses: Matrix, method: DfMethod) -> Analysed:
    n, p = design.X.shape
    method = method if method == "z" else "residual"
    if design.offset is not None:
        responses = responses - design.offset[:, None]
    Q, R = np.linalg.qr(design.X)
    along = Q.T @ responses
    rest = responses - Q @ along
    beta = np.linalg.solve(R, along).T
    s2 = (rest * rest).sum(axis=0) / (n - p)
    inverse = np.linalg.inv(R)
    variances = s2[:, None] * (inverse * inverse).sum(axis=1)
    freedom = np.full(beta.shape, np.inf if method == "z" else float(n - p))
    return Analysed(design.names, beta, variances, freedom, method)
