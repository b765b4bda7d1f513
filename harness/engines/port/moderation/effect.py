"""An effect as a function of its moderator: at each value a contrast of the coefficients."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.engines.port.means.alike import once
from harness.engines.port.means.contrasts import Method
from harness.engines.port.means.emmeans import marginal_means, method_of
from harness.engines.port.means.functions import LinearFunctions
from harness.engines.port.moderation.degree import polynomial_degree
from harness.engines.port.testable import Testable
from harness.errors import ModelError
from harness.language.nodes import names_in
from harness.models.spec import DfMethod
from harness.models.variables import Factor, level_text

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Focal = str | Sequence[str] | Mapping[str, tuple[Any, Any]]
"""Column or columns whose effect is asked for; a mapping names (level, reference) of each."""


CANCELLED = 1e-13
"""A share of the largest coefficient below which one of the interpolation is rounding."""


@dataclass(frozen=True, eq=False)
class Effect:
    """An effect that may depend on a moderator.

    Attributes:
        fit: the model.
        label: ``arm: MBSR - TAU``; parts of a product effect joined by `` x ``.
        moderator: column.
        method: of the degrees of freedom.
        slope_of: numeric focal column, whose slope the effect is; empty for none.
        levels: (level, reference) of each focal column whose difference the effect is of; two
            values of a number.
        at: values of other columns; those not named are averaged over, with equal weights.
        observed: (m,) the moderator's values, one a row used or one a group.
        degree: of the polynomial in the moderator; None where it is none.
    """

    fit: Testable
    label: str
    moderator: str
    method: DfMethod
    slope_of: str
    levels: Mapping[str, tuple[str, str] | tuple[float, float]]
    at: Mapping[str, Any]
    observed: Vector
    degree: int | None

    def functions(self, values: Vector) -> LinearFunctions:
        """The effect at k distinct values of the moderator, in their order."""
        at = {
            **self.at,
            **{name: [reference, level] for name, (level, reference) in self.levels.items()},
            self.moderator: values,
        }
        means = marginal_means(
            self.fit, tuple(self.levels), self.moderator, at=at, df=self.method,
            slope_of=self.slope_of or None,
        )  # fmt: skip
        if not self.levels:
            return means.functions
        difference: list[Method] = [{"difference": (-1.0, 1.0)}] * len(self.levels)
        return means.interaction(difference).functions

    @cached_property
    def powers(self) -> Matrix:
        """(d + 1, p) contrasts C with ``rows(m) = sum z^k C_k``, z the moderator from -1 to 1.

        By interpolation, exact for a polynomial; the degree is the smallest that holds.

        Raises:
            ModelError: the effect is no polynomial, or the data do not determine it.
        """
        if self.degree is None:
            raise ModelError(f"`{self.label}` is no polynomial in `{self.moderator}`")
        if self.at:
            return self._powers(self.degree)
        degree, levels = self.degree, tuple(self.levels.items())
        what = ("powers", self.moderator, self.slope_of, levels, degree, self.range)
        return once(self.fit.design, what, lambda: self._powers(degree))

    def _powers(self, degree: int) -> Matrix:
        z = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
        middle, half = self.range
        rows = self._evaluated(middle + half * z)
        powers = np.linalg.solve(np.vander(z, increasing=True), rows)
        powers[np.abs(powers) <= CANCELLED * np.abs(rows).max()] = 0.0
        used = np.flatnonzero(powers.any(axis=1))
        found = powers[: (used[-1] if len(used) else 0) + 1]
        found.setflags(write=False)
        return found

    @property
    def range(self) -> tuple[float, float]:
        """Middle and half width of the values observed."""
        low, high = float(self.observed.min()), float(self.observed.max())
        return (low + high) / 2.0, (high - low) / 2.0

    def rows(self, values: Vector) -> Matrix:
        """(k, p) the effect as contrasts of the coefficients at values of the moderator.

        Raises:
            ModelError: the data do not determine the effect.
        """
        if self.degree is None:
            return self._evaluated(values)
        middle, half = self.range
        return np.asarray(
            np.vander((values - middle) / half, len(self.powers), increasing=True) @ self.powers
        )

    def _evaluated(self, values: Vector) -> Matrix:
        distinct, where = np.unique(values, return_inverse=True)
        functions = self.functions(distinct)
        if not functions.space.estimable(functions.full).all():
            raise ModelError(f"the data do not determine the effect `{self.label}`")
        return functions.L[where]

    def slope_of_t(self, values: Vector) -> Vector:
        """(k,) how fast t changes with the moderator at k values; the effect is a polynomial in it.

        From t = b/SE: ``dt/dm = b'/SE - b (L V L'')/SE^3`` with L'' the derivative of the contrast.
        """
        middle, half = self.range
        order = np.arange(len(self.powers))
        z = ((values - middle) / half)[:, None]
        rows = z**order @ self.powers
        # order * z^(order - 1), without 0 * inf at z = 0.
        steep = order[1:] * z ** order[:-1] @ self.powers[1:] / half
        V, beta = self.fit.covariance(self.method), self.fit.beta
        error = np.sqrt(((rows @ V) * rows).sum(axis=1))
        bend = ((rows @ V) * steep).sum(axis=1)
        return np.asarray(steep @ beta / error - (rows @ beta) * bend / error**3)

    def tested(self, rows: Matrix) -> tuple[Vector, Vector, Vector]:
        """Estimates, standard errors and degrees of freedom (k,) of contrasts (k, p)."""
        V = self.fit.covariance(self.method)
        estimate = rows @ self.fit.beta
        std_error = np.sqrt(((rows @ V) * rows).sum(axis=1))
        return estimate, std_error, self.fit.contrast_df(rows, self.method)


def effect_of(
    fit: Testable,
    focal: Focal,
    moderator: str,
    *,
    at: Mapping[str, Any] | None = None,
    per: str | None = None,
    df: DfMethod | None = None,
) -> Effect:
    """The effect of one or more columns, as far as a moderator changes it.

    Args:
        fit: any fitted model.
        focal: a factor (its two levels' difference), several (the product of differences: a
            difference of differences), or with them one numeric column (its slope, or the
            difference between the two values that a mapping gives).
        moderator: numeric column of the fixed effects.
        at: values of other columns.
        per: grouping column: the moderator counts once a level of it, not once a row.
        df: method of the degrees of freedom; by default that of the model's summary.

    Raises:
        ModelError: a column that is not in the fixed effects or of another kind than it must be, a
            level that there is not, a moderator with one value, or varying within ``per``.
    """
    names = tuple(focal) if not isinstance(focal, str) else (focal,)
    asked = focal if isinstance(focal, Mapping) else {}
    slope_of = ""
    levels: dict[str, tuple[str, str] | tuple[float, float]] = {}
    labels = []
    for name in names:
        if name == moderator:
            raise ModelError(f"`{name}` cannot moderate its own effect; name another column")
        known = _factor(fit, name)
        if known is not None:
            levels[name] = _pair(name, known, asked.get(name))
            labels.append(f"{name}: {levels[name][0]} - {levels[name][1]}")
        elif asked.get(name) is not None:
            levels[name] = _values(name, asked[name])
            labels.append(f"{name}: {levels[name][0]:g} - {levels[name][1]:g}")
        elif slope_of:
            raise ModelError(f"`{slope_of}` and `{name}` are both numbers: name one of them")
        else:
            slope_of = name
            labels.append(f"slope of {name}")
    if _factor(fit, moderator) is not None:
        raise ModelError(
            f"the moderator `{moderator}` is a factor: its levels' effects are contrasts of "
            f"emmeans(..., by='{moderator}')"
        )
    if moderator in (at or {}):
        raise ModelError(f"at: `{moderator}` is the moderator; its values are `values`")
    observed = moderator_values(fit, moderator, per)
    if not np.ptp(observed) > 0.0:
        raise ModelError(
            f"the moderator `{moderator}` has one value, {observed[0]:g}: there is nothing to tell"
        )
    return Effect(
        fit=fit,
        label=" x ".join(f"({part})" if len(labels) > 1 else part for part in labels),
        moderator=moderator,
        method=method_of(fit, df),
        slope_of=slope_of,
        levels=levels,
        at=dict(at or {}),
        observed=observed,
        degree=polynomial_degree(fit.design, moderator),
    )


def moderator_values(fit: Testable, moderator: str, per: str | None = None) -> Vector:
    """The moderator's values: (n,) of the rows used, or (G,) one a level of ``per``.

    Raises:
        ModelError: no such column, or a moderator that varies within a level.
    """
    data = fit.design.frame.data
    used = fit.design.used
    values = data[moderator].to_numpy(dtype=np.float64)[used]
    if per is None:
        return values
    if per not in data:
        raise ModelError(f"per: no column `{per}` in the data")
    codes, levels = pd.factorize(data[per].array[used])
    values, codes = values[codes >= 0], codes[codes >= 0]
    first = np.empty(len(levels))
    first[codes[::-1]] = values[::-1]
    varies = values != first[codes]
    if varies.any():
        odd = levels[codes[varies][0]]
        raise ModelError(f"the moderator `{moderator}` varies within {per} {odd}; leave `per` out")
    return first


def _values(name: str, asked: tuple[Any, Any]) -> tuple[float, float]:
    """Two different values of a number."""
    try:
        value, reference = (float(each) for each in asked)
    except (TypeError, ValueError):
        raise ModelError(f"`{name}` is a number: give two values, not {asked!r}") from None
    if not (math.isfinite(value) and math.isfinite(reference)) or value == reference:
        raise ModelError(f"`{name}`: name two different values, not {asked!r}")
    return value, reference


def _factor(fit: Testable, name: str) -> tuple[str, ...] | None:
    """A factor's levels; None for a number.

    Raises:
        ModelError: the fixed effects have no such column.
    """
    own = fit.design.fixed_variables(name)
    if not own:
        terms = fit.design.spec.formula.terms
        names = dict.fromkeys(n for term in terms for node in term.factors for n in names_in(node))
        known = ", ".join(names)
        raise ModelError(f"no `{name}` in the fixed effects; there are: {known or 'none'}")
    for variable in own:
        if isinstance(variable, Factor):
            return tuple(level_text(level) for level in variable.levels)
    return None


def _pair(name: str, levels: tuple[str, ...], asked: tuple[Any, Any] | None) -> tuple[str, str]:
    """Level and reference; of a factor with two levels the second less the first."""
    if asked is None:
        if len(levels) != 2:
            raise ModelError(
                f"`{name}` has {len(levels)} levels ({', '.join(levels)}): say which two, "
                f"focal={{'{name}': ('{levels[-1]}', '{levels[0]}')}}"
            )
        return levels[1], levels[0]
    pair = tuple(level_text(level) for level in asked)
    for level in pair:
        if level not in levels:
            raise ModelError(f"`{name}` has no level `{level}`; it has: {', '.join(levels)}")
    if len(pair) != 2 or pair[0] == pair[1]:
        raise ModelError(f"`{name}`: name two different levels, not {pair}")
    return pair[0], pair[1]
