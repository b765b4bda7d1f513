"""A model's coefficients pooled over imputations, as rows of an answer."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from harness.models.inference import MonteCarlo, PooledEffect

if TYPE_CHECKING:
    from harness.engines.port.fitted import FittedModel
    from harness.engines.port.imputation.imputed import Imputed
    from harness.engines.port.lm import LinearFit
    from harness.models.besides import Besides
    from harness.models.imputation import Imputation
    from harness.models.spec import DfMethod

_NUMBERS = tuple(field.name for field in fields(MonteCarlo))


def imputed_rows(
    fit: FittedModel | LinearFit, besides: Besides, df: DfMethod, level: float
) -> tuple[PooledEffect, ...]:
    """Every coefficient under each assumption that is asked for: ``mi(x)``, ``mi(x, TAU +5)``.

    Args:
        fit: the model, fitted to what was seen.
        besides: how the outcome is imputed.
        df: degrees of freedom of complete data.
        level: of the intervals.

    Raises:
        HarnessError: an outcome or a model of imputation that cannot be.
    """
    from harness.engines.port.imputation.api import impute

    asked = besides.imputation
    if asked is None:
        return ()
    spec = fit.design.spec
    drawn = impute(
        fit.design.frame.data,
        spec.formula.columns[0],
        id=asked.patient,
        time=asked.time,
        arm=asked.arm,
        covariates=asked.covariates,
        imputations=asked.imputations,
        iterations=asked.iterations,
        seed=asked.seed,
        by_arm=asked.by_arm,
    )
    rows: list[PooledEffect] = []
    for kind, label in asked.labels.items():
        changed = drawn
        if kind == "delta" and asked.delta is not None:
            changed = drawn.shifted(asked.delta, asked.delta_arm or None)
        if kind == "jump":
            changed = drawn.jump_to_reference(asked.reference, baseline=_baseline(drawn, asked))
        fitted = changed.fit(spec.formula.text, reml=spec.reml, df=df, level=level)
        for j, name in enumerate(fitted.names):
            numbers, errors = (
                {quantity: float(getattr(side, quantity)[j]) for quantity in _NUMBERS}
                for side in (fitted.pooled.numbers, fitted.pooled.mc_error)
            )
            mcse = MonteCarlo(**errors)
            rows.append(PooledEffect(f"mi({name}{label})", **numbers, mcse=mcse))
    return tuple(rows)


def _baseline(drawn: Imputed, asked: Imputation) -> object:
    """The visit before treatment as the data have it; None where the outcome has no such visit."""
    for visit in drawn.wide.visits:
        if str(visit) == asked.baseline:
            return visit
        if isinstance(visit, int | float):
            try:
                same = float(asked.baseline) == visit
            except ValueError:
                continue
            if same:
                return visit
    return None
