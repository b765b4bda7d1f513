"""The design: X, y and the columns of Z, under R's names, ready for the algebra."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.errors import ModelError
from harness.language.formula import Formula
from harness.language.nodes import names_in
from harness.models.coding import MAX_LEVELS, Made, TermCode, term_codes, term_columns
from harness.models.frame import Grouping, ModelFrame, layout_of, model_frame
from harness.models.held import held
from harness.models.missing import check_size
from harness.models.orthogonal import OrthogonalFactor, dependent_columns, orthogonal_factor
from harness.models.read_only import read_only
from harness.models.spec import ModelSpec
from harness.models.variables import Factor, Variable, Vector

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
        XY: (n, p + 1), F-ordered: X, then the response less its offset; rows times the roots of
            the prior weights.
        factor: orthogonal factor of ``XY``.
        random: random-effects terms, in lme4's order, never weighted.
        dropped: names of columns dropped because earlier ones determine them.
        messages: what R would say about the data and the design.
        plain_x: (n, p) X before weighting; None without weights.
    """

    spec: ModelSpec
    frame: ModelFrame
    names: tuple[str, ...]
    XY: Matrix
    factor: OrthogonalFactor
    random: tuple[RandomDesign, ...]
    dropped: tuple[str, ...]
    messages: tuple[str, ...]
    plain_x: Matrix | None = None

    @property
    def X(self) -> Matrix:  # noqa: N802
        """(n, p) fixed-effects model matrix, never weighted."""
        return self.XY[:, :-1] if self.plain_x is None else self.plain_x

    @property
    def y(self) -> Vector:
        """(n,) response as given: neither weighted nor less the offset."""
        return self.frame.y

    @property
    def weights(self) -> Vector | None:
        """(n,) prior weights, ``Var(e_i) = sigma^2 / w_i``; None where there are none."""
        return self.frame.weights

    @property
    def offset(self) -> Vector | None:
        """(n,) what enters the mean with coefficient 1; None where there is none."""
        return self.frame.offset

    @property
    def censored(self) -> Vector | None:
        """(n,) 1 in rows whose response is a limit that the value lies below, else 0; or None."""
        return self.frame.censored

    @property
    def omitted(self) -> pd.Index:
        """Labels, in the data given, of the rows omitted as incomplete."""
        return self.frame.data.index[self.frame.omitted]

    @property
    def used(self) -> npt.NDArray[np.bool_]:
        """Which rows of the data given are used, in their order."""
        found = np.ones(self.frame.n_rows, dtype=np.bool_)
        found[self.frame.omitted] = False
        return found

    def working(self, y: Vector) -> Vector:
        """A response (n,) as the sums see it: less the offset, times the roots of the weights."""
        free = y if self.offset is None else y - self.offset
        return free if self.weights is None else free * np.sqrt(self.weights)

    @property
    def working_random(self) -> tuple[RandomDesign, ...]:
        """The random-effects terms as the sums see them: rows times the roots of the weights."""
        if self.weights is None:
            return self.random
        roots = np.sqrt(self.weights)
        return tuple(
            RandomDesign(term.group, term.names, tuple(column * roots for column in term.columns))
            for term in self.random
        )

    @property
    def groupings(self) -> tuple[Grouping, ...]:
        """The distinct grouping factors."""
        return self.frame.groupings

    def fixed_variables(self, column: str) -> tuple[Variable, ...]:
        """The variables of the fixed effects that a data column is in; none where it is in none."""
        layout = layout_of(self.spec.formula)
        nodes = dict(layout.variables)
        labels = dict.fromkeys(label for term in layout.fixed for label in term)
        return tuple(
            self.frame.variables[label] for label in labels if column in names_in(nodes[label])
        )

    @property
    def terms(self) -> tuple[str, ...]:
        """R's label of each fixed-effects term, the intercept not among them."""
        return tuple(":".join(labels) for labels in layout_of(self.spec.formula).fixed)

    @property
    def assign(self) -> tuple[int, ...]:
        """For each column of X its term: 0 is the intercept, k is ``terms[k - 1]``."""
        owners = {"(Intercept)": 0}
        variables = {label: _first_row(v) for label, v in self.frame.variables.items()}
        made: Made = {}
        for k, code in enumerate(self.codes, start=1):
            owners.update(dict.fromkeys(term_columns(code, variables, made)[0], k))
        return tuple(owners[name] for name in self.names)

    @property
    def codes(self) -> tuple[TermCode, ...]:
        """How each term is coded."""
        formula = self.spec.formula
        return _codes(layout_of(formula).fixed, formula.intercept, self.frame.variables)


@held
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
    check_random(data, random)
    if len(data.groupings) > 1:
        random, groupings = by_levels(random, data.groupings)
        data = replace(data, groupings=groupings)

    n, p = data.n_obs, len(columns)
    XY = np.empty((n, p + 1), order="F")
    for j, column in enumerate(columns):
        XY[:, j] = column
    XY[:, p] = data.y if data.offset is None else data.y - data.offset
    if n < p + 1:
        # R orders by pivoting too, but no residual is left whichever columns it keeps.
        raise ModelError(_too_many(p, n))
    factor = orthogonal_factor(XY)
    check_size(factor.R, [*names, data.response])
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
    plain_x = None
    if data.weights is not None:  # which columns depend on others is not a matter of weights
        plain_x = XY[:, :-1].copy(order="F")
        XY *= np.sqrt(data.weights)[:, None]
        factor = orthogonal_factor(XY)
    return Design(
        *(spec, data, tuple(names), read_only(XY), factor, tuple(random), dropped, messages),
        None if plain_x is None else read_only(plain_x),
    )


def with_random(design: Design, formula: Formula) -> Design:
    """A design with the random terms of another formula of the same fixed effects.

    Args:
        design: the design; its rows stay.
        formula: its random terms may name variables and grouping factors of the design only.
    """
    made: Made = {}
    random = []
    for group, intercept, terms in layout_of(formula).random:
        names, columns = matrix_columns(terms, intercept, design.frame, made)
        random.append(RandomDesign(group, tuple(names), tuple(columns)))
    used = {term.group for term in random}
    groupings = tuple(g for g in design.groupings if g.label in used)
    if len(groupings) > 1:
        random, groupings = by_levels(random, groupings)
    return replace(
        design,
        spec=replace(design.spec, formula=formula),
        frame=replace(design.frame, groupings=groupings),
        random=tuple(random),
    )


def by_levels(
    random: list[RandomDesign], groupings: tuple[Grouping, ...]
) -> tuple[list[RandomDesign], tuple[Grouping, ...]]:
    """Terms and grouping factors in lme4's order, which is that of theta and of every table.

    Terms stand by decreasing number of their factor's levels. Where the formula has them in that
    order already they stay; where not, terms with equally many levels change places, too.
    """
    known = {grouping.label: grouping for grouping in groupings}
    sizes = [len(known[term.group].sizes) for term in random]
    if any(later > earlier for earlier, later in pairwise(sizes)):
        order = sorted(range(len(sizes)), key=lambda k: sizes[k])[::-1]
        random = [random[k] for k in order]
    labels = dict.fromkeys(term.group for term in random)
    return random, tuple(known[label] for label in labels)


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
    for code in _codes(terms, intercept, data.variables):
        more_names, more = term_columns(code, data.variables, made)
        names += more_names
        columns += more
        if len(columns) > data.n_obs + MAX_LEVELS:
            raise ModelError(_too_many(len(columns), data.n_obs))
    return names, columns


def _codes(
    terms: tuple[tuple[str, ...], ...], intercept: bool, variables: dict[str, Variable]
) -> tuple[TermCode, ...]:
    """R's coding of each term."""
    factors = frozenset(k for k, v in variables.items() if isinstance(v, Factor))
    return term_codes(terms, intercept, factors)


def _first_row(variable: Variable) -> Variable:
    """A variable on one row: enough to know its columns' names."""
    if isinstance(variable, Factor):
        return replace(variable, codes=variable.codes[:1])
    return replace(variable, columns=tuple(column[:1] for column in variable.columns))


def _too_many(p: int, n: int) -> str:
    """The message for a model with no residual left."""
    return (
        f"the fixed effects have {p} columns for {n} complete rows: no residual is left; "
        "use fewer terms, or check which column makes rows incomplete"
    )


def _listed(names: tuple[str, ...], most: int = 4) -> str:
    """Column names joined by plus signs, the first few of many."""
    return " + ".join(names[:most]) + (" + ..." if len(names) > most else "")


def check_random(data: ModelFrame, random: list[RandomDesign]) -> None:
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
