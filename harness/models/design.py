"""The design: X, y and the columns of Z, under R's names, ready for the algebra."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.errors import ModelError
from harness.models.coding import MAX_LEVELS, Made, term_codes, term_columns
from harness.models.frame import Grouping, ModelFrame, layout_of, model_frame
from harness.models.orthogonal import OrthogonalFactor, dependent_columns, orthogonal_factor
from harness.models.spec import ModelSpec
from harness.models.variables import Factor, Vector

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RandomDesign:
    """The columns one random-effects term multiplies its group's effects with.

    Attributes:
        group: label of its grouping factor.
        names: R's name of each of the q columns.
        columns: q vectors (n,).
    """

    group: str
    names: tuple[str, ...]
    columns: tuple[Vector, ...]


@dataclass(frozen=True, slots=True)
class Design:
    """A model's matrices on the rows used.

    Attributes:
        spec: what was asked.
        frame: the model frame.
        names: R's name of each of the p columns of X.
        XY: (n, p + 1), F-ordered: X, then the response.
        factor: orthogonal factor of ``XY``.
        random: random-effects terms, in order.
        dropped: names of columns dropped because earlier ones determine them.
        messages: what R would say about the data and the design.
    """

    spec: ModelSpec
    frame: ModelFrame
    names: tuple[str, ...]
    XY: Matrix
    factor: OrthogonalFactor
    random: tuple[RandomDesign, ...]
    dropped: tuple[str, ...]
    messages: tuple[str, ...]

    @property
    def X(self) -> Matrix:  # noqa: N802
        """(n, p) fixed-effects model matrix."""
        return self.XY[:, :-1]

    @property
    def y(self) -> Vector:
        """(n,) response."""
        return self.frame.y

    @property
    def groupings(self) -> tuple[Grouping, ...]:
        """The distinct grouping factors."""
        return self.frame.groupings


def build_design(spec: ModelSpec, frame: pd.DataFrame) -> Design:
    """Model frame, X and Z of a model.

    Raises:
        DataError: an absent column, no rows.
        ModelError: data on which the model cannot be fitted.
    """
    data = model_frame(spec, frame)
    formula = spec.formula
    made: Made = {}
    layout = layout_of(formula)
    names, columns = matrix_columns(layout.fixed, formula.intercept, data, made)
    if len(set(names)) < len(names):
        twice = next(name for k, name in enumerate(names) if name in names[:k])
        raise ModelError(
            f"two columns of the model matrix are called `{twice}` (a factor's column is called by "
            "its name and the level): rename the column or the level"
        )
    random = []
    for group, intercept, terms in layout.random:
        z_names, z_columns = matrix_columns(terms, intercept, data, made)
        random.append(RandomDesign(group, tuple(z_names), tuple(z_columns)))
    _check_random(data, random)

    n, p = data.n_obs, len(columns)
    XY = np.empty((n, p + 1), order="F")
    for j, column in enumerate(columns):
        XY[:, j] = column
    XY[:, p] = data.y
    if n < p + 1:
        # R orders by pivoting too, but no residual is left whichever columns it keeps.
        raise ModelError(_too_many(p, n))
    factor = orthogonal_factor(XY)
    dropped: tuple[str, ...] = ()
    messages = data.messages
    dependent = dependent_columns(factor.R[:p, :p])
    if dependent:
        dropped = tuple(names[j] for j in dependent)
        kept = [j for j in range(p) if j not in set(dependent)]
        XY = np.asfortranarray(XY[:, [*kept, p]])
        names = [names[j] for j in kept]
        factor = orthogonal_factor(XY)
        noun = "column / coefficient" if len(dropped) == 1 else "columns / coefficients"
        messages += (
            "fixed-effect model matrix is rank deficient so dropping "
            f"{len(dropped)} {noun}: {', '.join(dropped)}",
        )
    if not names and not formula.random:
        raise ModelError("the formula has no terms at all; write `outcome ~ 1` for a mean")
    return Design(spec, data, tuple(names), XY, factor, tuple(random), dropped, messages)


def matrix_columns(
    terms: tuple[tuple[str, ...], ...], intercept: bool, data: ModelFrame, made: Made
) -> tuple[list[str], list[Vector]]:
    """Names and columns of R's ``model.matrix`` of some terms, dependent columns included.

    Args:
        terms: the names of each term's variables, in R's order.
        intercept: whether a column of ones comes first.
        data: the model frame.
        made: columns of variables coded so far, shared by X and Z.
    """
    names: list[str] = []
    columns: list[Vector] = []
    if intercept:
        names, columns = ["(Intercept)"], [np.ones(data.n_obs)]
    factors = frozenset(k for k, v in data.variables.items() if isinstance(v, Factor))
    for code in term_codes(terms, intercept, factors):
        more_names, more = term_columns(code, data.variables, made)
        names += more_names
        columns += more
        if len(columns) > data.n_obs + MAX_LEVELS:
            raise ModelError(_too_many(len(columns), data.n_obs))
    return names, columns


def _too_many(p: int, n: int) -> str:
    """The message for a model with no residual left."""
    return (
        f"the fixed effects have {p} columns for {n} complete rows: no residual is left; "
        "use fewer terms, or check which column makes rows incomplete"
    )


def _listed(names: tuple[str, ...], most: int = 4) -> str:
    """Column names joined by plus signs, the first few of many."""
    return " + ".join(names[:most]) + (" + ..." if len(names) > most else "")


def _check_random(data: ModelFrame, random: list[RandomDesign]) -> None:
    """Refuse terms with as many random effects as observations, as ``lmer`` does."""
    sizes = {grouping.label: len(grouping.sizes) for grouping in data.groupings}
    for term in random:
        effects = sizes[term.group] * len(term.names)
        if not term.names:
            raise ModelError(
                f"the random term for `{term.group}` is empty; write (1 | {term.group})"
            )
        if effects >= data.n_obs:
            raise ModelError(
                f"{data.n_obs} observations for {effects} random effects of "
                f"`{_listed(term.names)} | {term.group}`: their variance and the residual's "
                "cannot be told apart; drop a random slope, or check that rows repeat within groups"
            )
