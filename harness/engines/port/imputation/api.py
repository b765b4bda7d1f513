"""``harness.impute``: a trial in long form, its missing outcomes drawn many times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.engines.port.arguments import check_flag
from harness.engines.port.imputation.chained import draw_chained
from harness.engines.port.imputation.imputed import Imputed
from harness.engines.port.imputation.wide import to_wide
from harness.errors import ModelError
from harness.models.read_only import read_only

if TYPE_CHECKING:
    import pandas as pd


def impute(
    data: pd.DataFrame,
    outcome: str,
    *,
    id: str,
    time: str,
    arm: str,
    covariates: Sequence[str] = (),
    imputations: int = 50,
    iterations: int = 20,
    seed: int = 1,
    by_arm: bool = True,
) -> Imputed:
    """Draw a trial's missing outcomes under "missing at random".

    ``harness.impute(data, "bdi", id="subject", time="month", arm="treatment").fit(
    "bdi ~ treatment * month + (1 | subject)").summary()`` is the pooled table.

    Args:
        data: one row a patient and visit; a visit without a row is missing, too.
        outcome: the column to impute, a number.
        id: column of the patients.
        time: column of the visits.
        arm: column of the arms.
        covariates: columns with one value a patient, complete, that help to predict the outcome;
            factors count in treatment coding.
        imputations: how many completed data sets.
        iterations: steps of each chain.
        seed: of the draws: the same seed, numpy version and arguments give the same numbers.
        by_arm: a model of imputation for each arm, so that nothing of it is assumed to be equal in
            both (the default; Sullivan et al. 2018, Stat. Methods Med. Res. 27, 2610-2626); False
            has the arm as a predictor only, for arms too small for that.

    Raises:
        DataError: data that are not as said.
        ModelError: an argument out of range, or a model of imputation without enough patients.
    """
    for name, value, least in (("imputations", imputations, 2), ("iterations", iterations, 1)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise ModelError(f"{name} must be a whole number, {least} or more, not {value!r}")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ModelError(f"seed must be a whole number, 0 or more, not {seed!r}")
    check_flag("by_arm", by_arm, "False has the arm as a predictor only")
    wide = to_wide(data, outcome, id=id, time=time, arm=arm, covariates=covariates)
    values = draw_chained(
        wide,
        imputations=imputations,
        iterations=iterations,
        by_arm=bool(by_arm),
        rng=np.random.default_rng(seed),
    )
    return Imputed(wide, read_only(values), "missing at random", seed, iterations, bool(by_arm))
