"""Variance components from theta: the check behind the flatness rule, and their terms."""

from __future__ import annotations

import math
from itertools import combinations

from harness.models.record import Estimates, random_quantity


def components_from_theta(estimates: Estimates) -> dict[str, float] | None:
    """Recompute every ``sd`` and ``cor`` of an answer from its theta and sigma.

    A block of q correlated random effects has ``q (q + 1) / 2`` elements of theta, the lower
    triangle of its relative covariance factor by columns (Bates, Maechler, Bolker & Walker
    2015, section 2.2): ``sd_i = sigma |row i|`` and ``cor_ij`` the cosine between rows i and j.
    Which standard deviations share a block is read off the correlations the answer lists. A model
    by visit has no sigma, and a theta in the outcome's unit.

    Returns:
        Term -> value, or None when theta does not have the length the terms call for.
    """
    by_visit = all("=" in part.term for part in estimates.random)
    without = 1.0 if by_visit else math.nan
    sigma = next((part.estimate for part in estimates.random if part.term == "sigma"), without)
    found: dict[str, float] = {}
    start = 0
    for group, names in blocks(estimates):
        q = len(names)
        theta = estimates.theta[start : start + q * (q + 1) // 2]
        start += q * (q + 1) // 2
        if len(theta) != q * (q + 1) // 2:
            return None
        rows = triangle(theta, q)
        norms = [math.hypot(*row) for row in rows]
        for name, norm in zip(names, norms, strict=True):
            found[f"sd({group}:{name})"] = sigma * norm
        for i, j in combinations(range(q), 2):
            product = norms[i] * norms[j]
            inner = math.fsum(a * b for a, b in zip(rows[i], rows[j], strict=True))
            found[f"cor({group}:{names[i]},{names[j]})"] = inner / product if product else math.nan
    return found if start == len(estimates.theta) else None


def follows_theta(estimates: Estimates, precision: float) -> bool:
    """Whether every component an answer lists is the one its own theta implies."""
    implied = components_from_theta(estimates)
    if implied is None:
        return False
    for part in estimates.random:
        if part.term == "sigma":
            continue
        value = implied.get(part.term, math.nan)
        if not abs(value - part.estimate) <= precision * max(abs(value), 1e-3):
            return False
    return True


def blocks(estimates: Estimates) -> list[tuple[str, tuple[str, ...]]]:
    """The random-effects terms of an answer: grouping factor and names, in the order listed."""
    terms = {part.term for part in estimates.random}
    found: list[tuple[str, list[str]]] = []
    for part in estimates.random:
        if random_quantity(part.term) != "sd":
            continue
        group, name = split_term(part.term, estimates)
        last = found[-1] if found else None
        if last and last[0] == group and f"cor({group}:{last[1][0]},{name})" in terms:
            last[1].append(name)
        else:
            found.append((group, [name]))
    return [(group, tuple(names)) for group, names in found]


def split_term(term: str, estimates: Estimates) -> tuple[str, str]:
    """Grouping factor and effect of ``sd(g:x)``; both may hold colons, so known factors decide."""
    inside = term[term.index("(") + 1 : -1]
    for group in sorted(estimates.groups, key=len, reverse=True):
        if inside.startswith(f"{group}:"):
            return group, inside[len(group) + 1 :]
    group, _, name = inside.partition(":")
    return group, name


def triangle(theta: tuple[float, ...], q: int) -> list[list[float]]:
    """The rows of a lower triangle (q, q) filled with theta by columns."""
    rows = [[0.0] * q for _ in range(q)]
    cells = ((i, j) for j in range(q) for i in range(j, q))
    for (i, j), value in zip(cells, theta, strict=True):
        rows[i][j] = value
    return rows
