"""p values adjusted for their number, over one family: a pure function of the family's p values.

Both engines' p values are adjusted here, R's also by R, and what R has once answered is held to
these definitions before it is believed again.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

Method = Literal["BH", "BY", "holm", "bonferroni", "none"]
Vector = npt.NDArray[np.float64]

_STATSMODELS = {"BH": "fdr_bh", "BY": "fdr_by", "holm": "holm", "bonferroni": "bonferroni"}


def adjusted_p(p: npt.ArrayLike, method: Method) -> Vector:
    """Adjusted p values, as R's ``p.adjust`` has them.

    With the m values that are numbers in order, p_(1) <= ... <= p_(m), and all cut at 1:
    Bonferroni m p; Holm (1979, Scand. J. Stat. 6) the largest (m - j + 1) p_(j) over j <= i; BH
    (Benjamini & Hochberg 1995, J. R. Stat. Soc. B 57) the smallest m p_(j) / j over j >= i; BY
    (Benjamini & Yekutieli 2001, Ann. Stat. 29) that times 1 + 1/2 + ... + 1/m. Equal p values have
    equal adjusted ones. The work, but for Holm, is statsmodels' ``multipletests``, which knows no
    missing values.

    Args:
        p: (n,) p values; NaN stays NaN and does not count.
        method: of adjustment; ``none`` gives the values back.

    Returns:
        (n,) adjusted p values, in the order given.

    Raises:
        ValueError: a value below 0 or above 1, or no such method.
    """
    values = np.asarray(p, dtype=np.float64)
    there = _numbers(values, method)
    found = values.copy()
    if method == "holm":
        found[there] = _holm(values[there])
    elif method != "none" and there.any():
        from statsmodels.stats.multitest import multipletests

        found[there] = multipletests(values[there], method=_STATSMODELS[method])[1]
    return found


def _holm(p: Vector) -> Vector:
    """As statsmodels, which collects Python's garbage at every call: a tenth of a second each."""
    order = np.argsort(p, kind="stable")
    found = np.empty(len(p))
    found[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return np.minimum(found, 1.0)


def deciding_p(p: npt.ArrayLike, method: Method) -> Vector:
    """For each adjusted p value the p value of its family that decides it.

    Before the cut at 1 an adjusted p value is a multiple of one p value of the
    family: for Bonferroni of its own, for BH and BY of the p_(j) at which the smallest, for Holm at
    which the largest is found. So what is not known of that one is not known of the adjusted.

    Arguments, order, NaN and errors as for :func:`adjusted_p`.
    """
    values = np.asarray(p, dtype=np.float64)
    there = _numbers(values, method)
    found = values.copy()
    if method in ("none", "bonferroni") or not there.any():
        return found
    numbers = values[there]
    order = np.argsort(numbers, kind="stable")
    ranked = numbers[order]
    m = len(ranked)
    ranks = np.arange(1, m + 1)
    if method == "holm":
        chosen = _where_largest((m - ranks + 1) * ranked)
    else:
        # The smallest over j >= i is the largest of the negatives, from behind.
        chosen = m - 1 - _where_largest(-(ranked / ranks)[::-1])[::-1]
    decided = np.empty(m)
    decided[order] = ranked[chosen]
    found[there] = decided
    return found


def _where_largest(values: Vector) -> npt.NDArray[np.intp]:
    """For each place the place of the largest value up to it, the first of several."""
    best = np.maximum.accumulate(values)
    first = np.concatenate(([True], best[1:] > best[:-1]))
    return np.maximum.accumulate(np.where(first, np.arange(len(values)), 0))


def _numbers(values: Vector, method: str) -> npt.NDArray[np.bool_]:
    if method != "none" and method not in _STATSMODELS:
        raise ValueError(f"no adjustment `{method}`; one of {', '.join((*_STATSMODELS, 'none'))}")
    there = ~np.isnan(values)
    if ((values[there] < 0) | (values[there] > 1)).any():
        raise ValueError("a p value is not between 0 and 1")
    return there
