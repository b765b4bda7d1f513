"""The analysis repeated without each patient: does one of them carry the result?

Every patient's rows are left out in turn and the model is built and fitted anew on the others, as
somebody would who took the patient out of the file; ``influence/`` is the faster way where X keeps
its columns. The jackknife's standard error is Tukey's (1958), Ann. Math. Stat. 29, 614, with a
patient for an observation: ``sqrt((G - 1) / G sum (b_g - mean)^2)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import HarnessError, ModelError
from harness.models.inference import LeftOut
from harness.models.mean_terms import foremost_term, left_out_term
from harness.models.variables import level_text

if TYPE_CHECKING:
    from harness.engines.port.fitted import FittedModel
    from harness.engines.port.lm import LinearFit
    from harness.models.besides import LeaveOneOut
    from harness.models.spec import DfMethod

Tests = dict[str, tuple[float, float]]
"""Estimate and p value by coefficient."""


def left_out_rows(
    fit: FittedModel | LinearFit, asked: LeaveOneOut, df: DfMethod
) -> tuple[LeftOut, ...]:
    """What each coefficient of the foremost term with the arm becomes without each patient.

    A patient without whom a coefficient does not exist does not count. Satterthwaite's p of a fit
    on the boundary is none: the degrees of freedom there mean nothing.

    Args:
        fit: of all patients.
        asked: the columns of patients and arms.
        df: method of the degrees of freedom, of every fit.

    Raises:
        ModelError: no term with the arm, or fewer than two patients can be left out.
    """
    design = fit.design
    term = foremost_term(design.spec.formula, asked.arm)
    if term is None:
        raise ModelError(f"no term of the fixed effects has `{asked.arm}`")
    names = [
        name for name, owner in zip(design.names, design.assign, strict=True) if owner == term + 1
    ]
    without = _without_each(fit, asked.patient, df)
    return tuple(row for name in names for row in _extremes(name, without))


def _without_each(fit: FittedModel | LinearFit, patient: str, df: DfMethod) -> dict[str, Tests]:
    """Estimates and p values without each patient, by the patient's id."""
    design = fit.design
    data = design.frame.data
    ids = data[patient]
    found: dict[str, Tests] = {}
    for one in ids[design.used].dropna().unique():
        found[level_text(one)] = _tests(fit, (ids != one).to_numpy(dtype=bool), df)
    return found


def _tests(fit: FittedModel | LinearFit, keep: np.ndarray, df: DfMethod) -> Tests:
    """Estimates and p values on some of the rows; empty where the model cannot be fitted."""
    from dataclasses import replace

    from harness.engines.port.fit import fit_design
    from harness.engines.port.lm import LinearFit
    from harness.models.design import build_design

    spec = replace(fit.design.spec, besides=None)
    try:
        design = build_design(spec, fit.design.frame.data[keep])
        other = fit_design(design) if spec.mixed else LinearFit(design)
        table = other.table(df)
    except HarnessError:
        return {}
    unknown = df == "satterthwaite" and not isinstance(other, LinearFit) and other.singular
    p_values = np.full_like(table.p_value, math.nan) if unknown else table.p_value
    numbers = zip(table.estimate.tolist(), p_values.tolist(), strict=True)
    return dict(zip(other.names, numbers, strict=True))


def _extremes(name: str, without: dict[str, Tests]) -> tuple[LeftOut, LeftOut]:
    """The lowest and the highest of a coefficient and of its p value."""
    tests = {one: found[name] for one, found in without.items() if name in found}
    if len(tests) < 2:
        raise ModelError(f"`{name}` exists without fewer than two of the patients")
    estimates = {one: estimate for one, (estimate, _) in tests.items()}
    p_values = {one: p for one, (_, p) in tests.items() if not math.isnan(p)}
    values = np.array(list(estimates.values()))
    spread = float(((values - values.mean()) ** 2).sum())
    jackknife = math.sqrt((len(values) - 1) / len(values) * spread)

    def end(which: str, of: Callable[..., str]) -> LeftOut:
        who = of(estimates, key=estimates.__getitem__)
        p_who = of(p_values, key=p_values.__getitem__, default="")
        p = p_values.get(p_who, math.nan)
        return LeftOut(left_out_term(name, which), estimates[who], jackknife, p, who, p_who)

    return end("lowest", min), end("highest", max)
