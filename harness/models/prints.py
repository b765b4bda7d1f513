"""Tier T0: a fingerprint of the mathematical problem, the same from Python and from R."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sized
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from harness.language.nodes import deparse, quote_name
from harness.models.design import Design
from harness.models.record import ColumnPrint, ProblemPrint
from harness.models.rowwise import offset_name
from harness.models.variables import Factor, level_text


class ByVisit(Protocol):
    """Who was seen when, on the rows used."""

    @property
    def subject(self) -> str:
        """Column of the subjects."""

    @property
    def visit(self) -> str:
        """Column of the visits."""

    @property
    def subjects(self) -> Sized:
        """The subjects present."""

    @property
    def subject_codes(self) -> npt.NDArray[Any]:
        """(n,) from zero."""

    @property
    def visit_codes(self) -> npt.NDArray[Any]:
        """(n,) from zero."""


def column_print(name: str, column: npt.NDArray[np.float64]) -> ColumnPrint:
    """Reduce a column (n,) to hash, sum, and first moment about row 0.

    The sums are correctly rounded, so they do not depend on the order or width of anybody's
    accumulator; a moment's products are rounded to doubles before they are summed.
    """
    plain = column + 0.0  # -0.0 + 0.0 is 0.0
    bits = np.ascontiguousarray(plain, dtype="<f8").tobytes()
    rows = np.arange(1.0, len(plain) + 1.0)
    return ColumnPrint(
        name=name,
        sha256=hashlib.sha256(bits).hexdigest(),
        total=math.fsum(plain.tolist()),
        moment=math.fsum((plain * rows).tolist()),
        size=math.fsum(np.abs(plain).tolist()),
    )


def problem_print(design: Design, by_visit: ByVisit | None = None) -> ProblemPrint:
    """The fingerprint of a design (see :class:`harness.models.record.ProblemPrint`).

    Args:
        design: the design.
        by_visit: of a model by visit: subjects and visits in place of grouping factors.
    """
    data = design.frame
    groups = {grouping.label: len(grouping.sizes) for grouping in data.groupings}
    z = tuple(column_print(g.label, g.codes + 1.0) for g in data.groupings)
    if by_visit is not None:
        groups = {quote_name(by_visit.subject): len(by_visit.subjects)}
        z = (
            column_print(quote_name(by_visit.subject), by_visit.subject_codes + 1.0),
            column_print(quote_name(by_visit.visit), by_visit.visit_codes + 1.0),
        )
    in_x = {deparse(node) for term in design.spec.formula.terms for node in term.factors}
    levels = {
        label: tuple(level_text(level) for level in variable.levels)
        for label, variable in data.variables.items()
        if label in in_x and isinstance(variable, Factor)
    }
    return ProblemPrint(
        n_obs=data.n_obs,
        groups=groups,
        levels=levels,
        x=tuple(column_print(name, design.X[:, j]) for j, name in enumerate(design.names)),
        y=column_print(data.response, design.y),
        z=z,
        reml=design.spec.reml if design.spec.method != "lm" else False,
        weights=_row_print(quote_name(design.spec.weights), design.weights),
        offset=_row_print(offset_name(design.spec), design.offset),
        censored=_row_print(quote_name(design.spec.censored), design.censored),
    )


def _row_print(name: str, values: npt.NDArray[np.float64] | None) -> ColumnPrint | None:
    return None if values is None else column_print(name, values)
