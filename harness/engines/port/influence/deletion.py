"""Every group left out in turn: the estimates a fresh fit of the rows left gives.

With one grouping factor no row is looked at again. The criterion without a group follows from the
sums and the group's own part (:mod:`harness.engines.port.influence.contributions`), and Newton's
method runs on all groups at a time (:mod:`harness.engines.port.influence.descent`). Three kinds of
groups are taken one by one:

- the search ends at or near a variance of zero, or does not settle which of several minima is the
  lowest: the full search, on sums made of the other groups' parts;
- the rest is much smaller than the whole, in X, in Z, or in what is left of the response: the rows
  left are summed afresh, in a basis of their own;
- the rest does not determine every coefficient: those it determines are given, the others NaN.

Several grouping factors cross, and the rows left are fitted afresh.

Influence of groups in mixed models: Christensen, Pearson & Johnson (1992), Technometrics 34, 38-45;
Demidenko & Stukel (2005), Stat. Med. 24, 893-909.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from harness.engines.port.criterion import Evaluation, NotPositiveError, Problem
from harness.engines.port.influence.contributions import (
    Contributions,
    contributions,
    problem_without,
)
from harness.engines.port.influence.minima import find_minima
from harness.engines.port.influence.undetermined import undetermined_coefficients
from harness.engines.port.optimize import optimise
from harness.engines.port.problems import worth_refining
from harness.engines.port.solution import Solution, solve, unstandardise
from harness.errors import HarnessError
from harness.models.subset import rows_kept

if TYPE_CHECKING:
    from harness.engines.port.fitted import FittedModel
    from harness.models.design import Design

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

SMALL_REST = 0.01
"""Smallest share of X'X, in any direction, that the rest must have to be summed by difference."""

FLAT_REST = 1e-6
"""The same for Z'Z within a term; below it the term may be collinear on the rows left."""


@dataclass(frozen=True, slots=True)
class Deletions:
    """Estimates without each of the G groups in turn; NaN where they do not exist.

    Attributes:
        beta: (G, p).
        half: (G, p, p) with ``Var(beta) = sigma^2 half half'``.
        theta: (G, t), lme4's.
        sigma: (G,).
        criterion: (G,).
        notes: for each group why there is no estimate, or what to know of it; mostly empty.
    """

    beta: Matrix
    half: Matrix
    theta: Matrix
    sigma: Vector
    criterion: Vector
    notes: list[str]

    def put(self, g: int, solution: Solution, criterion: float) -> None:
        """Enter the estimates without group g."""
        self.beta[g], self.half[g] = solution.beta, solution.half
        self.theta[g], self.sigma[g] = solution.theta, solution.sigma
        self.criterion[g] = criterion


def leave_groups_out(fit: FittedModel, group: str) -> Deletions:
    """Estimates without each group of a grouping factor."""
    design, at = fit.design, fit.surface
    grouping = next(g for g in design.groupings if g.label == group)
    G, p, t = len(grouping.sizes), len(fit.names), len(fit.theta)
    found = Deletions(
        beta=np.full((G, p), np.nan),
        half=np.full((G, p, p), np.nan),
        theta=np.full((G, t), np.nan),
        sigma=np.full(G, np.nan),
        criterion=np.full(G, np.nan),
        notes=[""] * G,
    )
    afresh = np.arange(G)
    if isinstance(at, Problem) and G > 2:
        afresh = _by_update(at, design, fit.at, found)
    for g in afresh.tolist():
        _by_rows(design, grouping.codes != g, g, found)
    return found


def _by_update(at: Problem, design: Design, full: Evaluation, found: Deletions) -> Index:
    """Enter what the sums without each group give; the groups (k,) for which they will not do."""
    parts = contributions(design, at)
    afresh = _unlike(at, parts)
    alike = np.flatnonzero(~afresh)
    minima = find_minima(at, parts, alike, full)
    beta, half, sigma = _solutions(at, parts.d[alike], minima.ends.Rho_inverse, minima.ends.rho)
    small = np.abs(np.einsum("kii->ki", minima.ends.Rho_inverse)).max(axis=1) > 10.0
    afresh[alike[minima.settled & small]] = True
    for i in np.flatnonzero(minima.settled & ~small).tolist():
        g = int(alike[i])
        found.beta[g], found.half[g], found.sigma[g] = beta[i], half[i], sigma[i]
        found.criterion[g] = minima.ends.value[i]
        found.theta[g] = at.data.structure.theta(unstandardise(at, minima.theta[i]))
    for g in alike[~minima.settled].tolist():
        rest = problem_without(at, parts, g)
        try:
            search = optimise(rest)
        except NotPositiveError:
            afresh[g] = True
            continue
        if worth_refining(rest, search.at):
            afresh[g] = True
            continue
        found.put(g, solve(rest, search.at), search.at.value)
        found.notes[g] = "" if search.converged else search.message
    return np.flatnonzero(afresh)


def _unlike(at: Problem, parts: Contributions) -> npt.NDArray[np.bool_]:
    """Which groups (G,) leave a rest too small to be had by difference from the whole."""
    unlike = parts.d <= 0.0
    terms = at.data.structure.spans()
    for rest, whole, limit in [
        (parts.X, parts.whole_x, SMALL_REST),
        *((parts.Z[:, s, s], parts.whole_z[s, s], FLAT_REST) for s in terms),
    ]:
        if not len(whole):
            continue
        lower = np.linalg.cholesky(whole)
        scaled = np.linalg.solve(lower, rest)
        scaled = np.linalg.solve(lower, scaled.swapaxes(1, 2))
        unlike |= np.linalg.eigvalsh(0.5 * (scaled + scaled.swapaxes(1, 2)))[:, 0] < limit
    effects = (len(parts.sizes) - 1) * max(at.data.structure.blocks)
    return unlike | (effects >= at.data.n_obs - parts.sizes)


def _solutions(
    at: Problem, d: Vector, Rho_inverse: Matrix, rho: Vector
) -> tuple[Matrix, Matrix, Vector]:
    """Coefficients (k, p), half (k, p, p) and sigma (k,) of k evaluated criteria."""
    p, F = at.data.p, at.data.F
    scale = float(F[p, p])
    sigma = abs(scale) * rho / np.sqrt(d)
    if not p:
        return np.empty((len(d), 0)), np.empty((len(d), 0, 0)), sigma
    F_inverse, _ = lapack.dtrtri(F[:p, :p], lower=0)
    gamma = -rho[:, None] * Rho_inverse[:, :p, p]
    beta = (F[:p, p] + scale * gamma) @ F_inverse.T
    return beta, F_inverse @ Rho_inverse[:, :p, :p], sigma


def _by_rows(design: Design, keep: npt.NDArray[np.bool_], g: int, found: Deletions) -> None:
    """Enter what a fit of the rows kept gives."""
    from harness.engines.port.fit import fit_design

    try:
        rest = rows_kept(design, keep)
        other = fit_design(rest)
    except (HarnessError, NotPositiveError) as error:
        found.notes[g] = str(error) or "without it no residual variation is left"
        return
    if rest.names == design.names:
        found.put(g, other._solution, other.criterion)
    else:
        lost = undetermined_coefficients(design, rest, keep)
        here = [j for j, name in enumerate(design.names) if name in rest.names]
        known = [k for k, j in enumerate(here) if not lost[j]]
        place = [here[k] for k in known]
        found.beta[g, place] = other.beta[known]
        found.half[g, place] = 0.0
        found.half[np.ix_([g], place, here)] = other._solution.half[known]
        found.theta[g], found.sigma[g] = other.theta, other.sigma
        found.criterion[g] = other.criterion
        names = ", ".join(f"`{design.names[j]}`" for j in np.flatnonzero(lost))
        found.notes[g] = f"the other groups do not determine {names}"
    if not other.converged:
        found.notes[g] = "; ".join(filter(None, [found.notes[g], other.optimum.message]))
