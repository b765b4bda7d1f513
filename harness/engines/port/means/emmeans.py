"""Estimated marginal means: averages of a model's predictions over a reference grid.

Searle, Speed & Milliken (1980), Am. Stat. 34; conventions and names as in R's emmeans.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.engines.port.arguments import check_df
from harness.engines.port.intervals.level import check_level
from harness.engines.port.means.adjust import known_adjustment
from harness.engines.port.means.comparisons import Contrasts
from harness.engines.port.means.contrasts import (
    USUAL_ADJUSTMENT,
    ContrastSet,
    Method,
    contrast_set,
    interaction_set,
)
from harness.engines.port.means.estimability import space_of
from harness.engines.port.means.functions import LinearFunctions, positions
from harness.engines.port.means.grid import Weights, averages, reference_grid
from harness.engines.port.means.table import inferred, joint_table, shown
from harness.engines.port.testable import Testable
from harness.errors import ModelError
from harness.models.spec import DfMethod
from harness.models.variables import level_text

Matrix = npt.NDArray[np.float64]
Names = str | Sequence[str] | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Means:
    """Marginal means of a model, or marginal slopes.

    Attributes:
        functions: the means as linear functions of the coefficients.
        specs: variables whose combinations have a mean each.
        by: variables within whose combinations means are compared and adjusted.
        level: of the intervals.
        adjust: how the intervals of a family are adjusted.
        quantity: ``emmean`` or ``trend``, the name of the estimates' column.
    """

    functions: LinearFunctions
    specs: tuple[str, ...]
    by: tuple[str, ...]
    level: float
    adjust: str
    quantity: str

    @property
    def grid(self) -> pd.DataFrame:
        """The combinations, one row a mean."""
        return self.functions.labels

    @property
    def variables(self) -> tuple[str, ...]:
        """Columns of the grid."""
        return (*self.specs, *self.by)

    @property
    def L(self) -> Matrix:  # noqa: N802
        """(k, p) coefficients of the fit's fixed effects."""
        return self.functions.L

    @property
    def method(self) -> DfMethod:
        """Method of the degrees of freedom."""
        return self.functions.method

    def table(self, tests: bool | None = None) -> pd.DataFrame:
        """One row a mean.

        Columns: the variables; emmean (or trend), std_error, df, with tests statistic and p_value,
        conf_low, conf_high; df_method, adjust, note (why a row is not estimated).

        Args:
            tests: whether to test each against zero; by default slopes are and means are not.
        """
        values = inferred(self.functions, self.adjust, self.level)
        values = values.rename(columns={"estimate": self.quantity})
        with_tests = self.quantity == "trend" if tests is None else tests
        away = ["p_error"] if with_tests else ["statistic", "p_value", "conf_adjust", "p_error"]
        if not with_tests:
            values["adjust"] = values["conf_adjust"]
        return pd.concat([self.grid, values.drop(columns=away)], axis=1)

    def contrast(
        self,
        method: Method = "pairwise",
        by: Names = None,
        adjust: str | None = None,
        ref: str | int = 0,
    ) -> Contrasts:
        """Contrasts of the means within combinations of ``by``.

        Args:
            method: ``pairwise``, ``revpairwise``, ``trt.vs.ctrl``, ``consec``, ``eff``, ``poly``,
                or own contrasts: name -> a coefficient for each mean of a family.
            by: other variables than those the means were asked for by; ``()`` for none.
            adjust: by default Tukey for pairs, Dunnett against a control, multivariate t for
                consecutive ones, BH for effects, otherwise none.
            ref: the control of ``trt.vs.ctrl``, by its label or its position from 0.

        Raises:
            ModelError: an unknown method, adjustment, variable or control, or fewer than two means.
        """
        by = self.by if by is None else self._known(by)
        groups = positions(self.grid, by)
        compared = [name for name in self.variables if name not in by]
        texts = self._texts(compared)
        sets = [contrast_set(method, [texts[row] for row in rows], ref) for rows in groups]
        rows: list[dict[str, Any]] = []
        coefficients = np.zeros((sum(len(each.names) for each in sets), len(self.grid)))
        for group, each in zip(groups, sets, strict=True):
            own = {name: self.grid[name].iloc[group[0]] for name in by}
            for name, row in zip(each.names, each.coefficients, strict=True):
                coefficients[len(rows), group] = row
                rows.append({"contrast": name, **own})
        usual = USUAL_ADJUSTMENT[method] if isinstance(method, str) else "none"
        functions = self.functions.combined(pd.DataFrame(rows), by, coefficients)
        chosen = known_adjustment(usual if adjust is None else adjust)
        return Contrasts(functions, self.level, chosen, sets[0].pairs_of)

    def interaction(
        self,
        methods: Method | Sequence[Method] = "pairwise",
        by: Names = None,
        adjust: str | None = None,
    ) -> Contrasts:
        """Contrasts of contrasts, one factor's within another's: differences of differences.

        Args:
            methods: one for each variable that is not in ``by``, or one for all.
            by: as for :meth:`contrast`.
            adjust: by default none.

        Raises:
            ModelError: as :meth:`contrast`; another number of methods than of variables.
        """
        by = self.by if by is None else self._known(by)
        compared = [name for name in self.variables if name not in by]
        single = isinstance(methods, (str, Mapping))
        listed: list[Any] = [methods] * len(compared) if single else list(methods)
        if len(listed) != len(compared) or not compared:
            raise ModelError(
                f"interaction contrasts: {len(listed)} methods for {len(compared)} variables "
                f"({', '.join(compared)}); give one for each, or one for all"
            )
        sets: list[ContrastSet] = []
        for name, method in zip(compared, listed, strict=True):
            levels = list(dict.fromkeys(self.grid[name]))
            sets.append(contrast_set(method, [level_text(level) for level in levels]))
        names, products = interaction_set(sets)
        columns = [
            f"{name}_{method if isinstance(method, str) else 'custom'}"
            for name, method in zip(compared, listed, strict=True)
        ]
        groups = positions(self.grid, by)
        coefficients = np.zeros((len(groups) * len(products), len(self.grid)))
        rows: list[dict[str, Any]] = []
        for k, group in enumerate(groups):
            # The grid varies its own order of variables fastest; so does the product.
            coefficients[k * len(products) : (k + 1) * len(products), group] = products
            own = {name: self.grid[name].iloc[group[0]] for name in by}
            rows += [{**dict(zip(columns, each, strict=True)), **own} for each in names]
        functions = self.functions.combined(pd.DataFrame(rows), by, coefficients)
        chosen = known_adjustment("none" if adjust is None else adjust)
        return Contrasts(functions, self.level, chosen, 0)

    def joint(self) -> pd.DataFrame:
        """F tests that all means of a family are zero together, one row a family."""
        return joint_table(self.functions)

    def _known(self, by: str | Sequence[str]) -> tuple[str, ...]:
        names = (by,) if isinstance(by, str) else tuple(by)
        for name in names:
            if name not in self.variables:
                raise ModelError(
                    f"by: no variable `{name}`; there are: {', '.join(self.variables)}"
                )
        return names

    def _texts(self, compared: Sequence[str]) -> list[str]:
        """Each mean's label: its levels, those that are numbers behind their variable's name."""
        parts = []
        for name in compared:
            texts = [level_text(level) for level in self.grid[name]]
            prefix = name if all(map(_is_number, texts)) else ""
            parts.append([prefix + text for text in texts])
        return [" ".join(each) for each in zip(*parts, strict=True)] or ["overall"]

    def __repr__(self) -> str:
        return shown(self.table()).to_string(index=False)

    def _repr_html_(self) -> str:
        return str(shown(self.table()).to_html(index=False))


def marginal_means(
    fit: Testable,
    specs: Names,
    by: Names = None,
    at: Mapping[str, Any] | None = None,
    weights: Weights = "equal",
    df: DfMethod | None = None,
    level: float = 0.95,
    adjust: str = "none",
    slope_of: str | None = None,
) -> Means:
    """Marginal means, or slopes, over a reference grid.

    Args:
        fit: any fitted model.
        specs: variables whose combinations have a mean each; empty for one mean over all.
        by: more variables, within whose combinations means are compared and adjusted.
        at: variable -> value or values, instead of all levels or the mean.
        weights: how what is averaged over counts; see
            :func:`harness.engines.port.means.grid.averages`.
        df: method of the degrees of freedom; by default that of the model's summary.
        level: of the intervals.
        adjust: of the intervals of a family.
        slope_of: slopes by this numeric column instead of means.

    Raises:
        ModelError: an unknown variable, level, weighting, df method or adjustment.
    """
    check_level(level)
    by_names = listed(by)
    kept = tuple(name for name in listed(specs) if name not in by_names)
    grid = reference_grid(fit.design, at, slope_of)
    labels, full, _ = averages(grid, (*kept, *by_names), weights)
    # An offset is held at its mean over the rows, whatever `at` says, as emmeans has it.
    offset = fit.design.offset if slope_of is None else None
    constant = 0.0 if offset is None else float(offset.mean())
    functions = LinearFunctions(
        fit=fit,
        labels=labels,
        by=by_names,
        full=full,
        constant=np.full(len(full), constant),
        space=space_of(fit.design, grid.rows.names),
        method=method_of(fit, df),
    )
    quantity = "emmean" if slope_of is None else "trend"
    return Means(functions, kept, by_names, level, known_adjustment(adjust), quantity)


def method_of(fit: Testable, df: DfMethod | None) -> DfMethod:
    """The df method asked for; an ordinary linear model has residual df or none."""
    if df is not None:
        check_df(df)
    usual = fit.design.spec.df_method
    if df is None or (usual == "residual" and df != "z"):
        return usual
    return df


def listed(names: Names) -> tuple[str, ...]:
    """Variable names, each once."""
    if names is None:
        return ()
    if not isinstance(names, Iterable):
        raise ModelError(f"name variables of the fixed effects, not {names!r}")
    return tuple(dict.fromkeys((names,) if isinstance(names, str) else names))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
