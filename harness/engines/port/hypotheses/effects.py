"""The fixed effects as terms, free of their coding: which hypotheses the data can test at all.

Beside the columns ``X`` that a coding gives, every term has *indicators*: one column for each
combination of levels of its factors, times its numeric variables. With Xi the indicators and
``X = Xi B``, coefficients b mean effects ``B b``. A hypothesis is a set of rows l on the effects,
each a combination of rows of Xi (*estimable*); on the coefficients it is ``l B``.

Goodnight (1978), *Tests of hypotheses in fixed effects linear models*, SAS Technical Report R-101.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from harness.models.coding import TermCode, term_columns, variable_columns
from harness.models.design import Design
from harness.models.orthogonal import dependent_columns
from harness.models.variables import Factor, Variable, Vector

Matrix = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Effects:
    """A design's fixed effects by terms; m is the number of indicators.

    Attributes:
        terms: labels of the terms, the intercept not among them.
        classes: the factors of each term.
        numbers: the numeric variables of each term.
        owner: (m,) term of each indicator: 0 is the intercept, k is ``terms[k - 1]``.
        R: (r, m) with ``R'R = Xi'Xi``, r the lesser of rows and m.
        B: (m, p) effects of the coefficients.
        assign: (p,) term of each coefficient, numbered as ``owner``.
        treatment: the indicators that treatment coding would keep, ascending.
    """

    terms: tuple[str, ...]
    classes: tuple[frozenset[str], ...]
    numbers: tuple[frozenset[str], ...]
    owner: Index
    R: Matrix
    B: Matrix
    assign: Index
    treatment: Index

    def containing(self, k: int) -> tuple[int, ...]:
        """Terms that contain term k: the same numeric variables, its factors and others beside."""
        own, numbers = self.classes[k - 1], self.numbers[k - 1]
        return tuple(
            j
            for j in range(1, len(self.terms) + 1)
            if own < self.classes[j - 1] and numbers == self.numbers[j - 1]
        )

    def outside(self, k: int) -> tuple[int, ...]:
        """The intercept and the terms that neither are term k nor contain it."""
        inside = {k, *self.containing(k)}
        return tuple(j for j in range(len(self.terms) + 1) if j not in inside)


@dataclass(frozen=True, slots=True)
class _Coded:
    """How one term's columns are made up of its m_k indicators.

    Attributes:
        names: of its columns.
        B: (m_k, columns).
        treatment: (m_k,) which of them treatment coding takes.
    """

    names: list[str]
    B: Matrix
    treatment: npt.NDArray[np.bool_]


INTERCEPT = _Coded(["(Intercept)"], np.eye(1), np.array([True]))


def effects_of(design: Design) -> Effects:
    """The terms of a design.

    Prior weights count in the sums of squares of a linear model, as in R's ``anova``; a mixed
    model's contrasts take the rows as they are, as lmerTest's do.
    """
    variables = design.frame.variables
    assign = np.array(design.assign, dtype=np.intp)
    place = {name: j for j, name in enumerate(design.names)}
    columns: list[Vector] = []
    owner: list[int] = []
    B = []
    treatment = []
    terms = [] if not design.spec.formula.intercept else [(0, TermCode((), ()))]
    for k, code in [*terms, *enumerate(design.codes, start=1)]:
        if k not in assign:
            continue  # no column of the term was kept: it is not in the model
        full = TermCode(code.labels, (True,) * len(code.labels))
        columns += term_columns(full, variables, {})[1] if k else [np.ones(design.frame.n_obs)]
        coded = _coded(code, variables) if k else INTERCEPT
        owner += [k] * len(coded.B)
        rows = np.zeros((len(coded.B), len(place)))
        for name, column in zip(coded.names, coded.B.T, strict=True):
            if name in place:
                rows[:, place[name]] = column
        B.append(rows)
        treatment.append(coded.treatment)
    Xi = np.column_stack(columns)
    if design.weights is not None and not design.spec.mixed:
        Xi *= np.sqrt(design.weights)[:, None]
    R = triangle(Xi)
    taken = np.flatnonzero(np.concatenate(treatment))
    return Effects(
        terms=design.terms,
        classes=tuple(_of(code, variables, True) for code in design.codes),
        numbers=tuple(_of(code, variables, False) for code in design.codes),
        owner=np.array(owner, dtype=np.intp),
        R=R,
        B=np.vstack(B),
        assign=assign,
        treatment=taken[independent(R[:, taken])],
    )


def triangle(columns: Matrix) -> Matrix:
    """Upper triangular R with ``R'R = columns'columns``."""
    return np.asarray(np.linalg.qr(columns, mode="r"), dtype=np.float64)


def independent(columns: Matrix) -> Index:
    """Positions of the columns that those before them do not determine, by ``lm``'s tolerance."""
    width = columns.shape[1]
    square = np.zeros((width, width))
    square[: min(columns.shape)] = triangle(columns)
    return np.delete(np.arange(width), dependent_columns(square))


def _of(code: TermCode, variables: dict[str, Variable], factors: bool) -> frozenset[str]:
    """A term's factors, or its numeric variables."""
    return frozenset(
        label for label in code.labels if isinstance(variables[label], Factor) == factors
    )


def _coded(code: TermCode, variables: dict[str, Variable]) -> _Coded:
    """How a term is coded."""
    made = _Coded([], np.eye(1), np.array([True]))
    for label, full in zip(code.labels, code.full, strict=True):
        own = _coded_variable(variables[label], full)
        names = [f"{a}:{b}" for b in own.names for a in made.names]
        # The first variable varies fastest.
        made = _Coded(
            names if made.names else own.names,
            np.kron(own.B, made.B).astype(np.float64),
            np.outer(own.treatment, made.treatment).ravel(),
        )
    return made


def _coded_variable(variable: Variable, full: bool) -> _Coded:
    """How a variable is coded: a factor by its contrasts, a number as it is."""
    if not isinstance(variable, Factor):
        width = len(variable.columns)
        names = [variable.label + suffix for suffix in variable.suffixes]
        return _Coded(names, np.eye(width), np.full(width, True))
    levels = np.arange(len(variable.levels))
    names, columns = variable_columns(replace(variable, codes=levels), full)
    return _Coded(names, np.column_stack(columns), levels >= (0 if full else 1))
