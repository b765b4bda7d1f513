"""``harness.rerandomise``: the test that the randomisation itself justifies.

The patients' arms are drawn anew as the trial might have drawn them, the model is fitted anew each
time, and the p value is how often its t is as far from zero as the trial's: exact in the sharp null
hypothesis whatever the outcome's distribution (Fisher 1935; Rosenberger, Uschner & Wang 2019, Stat.
Med. 38, 1-12). ``p = (1 + #) / (n + 1)`` counts the trial's own draw and is never zero (Davison &
Hinkley 1997, *Bootstrap Methods and their Application*, 4.1; Phipson & Smyth 2010, Stat. Appl.
Genet. Mol. Biol. 9, 39).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from harness.engines.port.fit import fit_design
from harness.engines.port.fitted import FittedModel
from harness.engines.port.lm import LinearFit
from harness.errors import HarnessError, ModelError
from harness.models.design import Design, build_design

if TYPE_CHECKING:
    import pandas as pd

    from harness.models.spec import ModelSpec

Vector = npt.NDArray[np.float64]
Draws = npt.NDArray[np.intp]

TIE = 1e-9
"""Share of t by which the same arrangement, fitted again, may fall short of itself."""


@dataclass(frozen=True, slots=True)
class Rerandomised:
    """What came of a re-randomisation test.

    Attributes:
        term: coefficient.
        statistic: its t in the trial.
        p_value: two-sided.
        mc_error: Monte-Carlo standard error of ``p_value``, ``sqrt(p (1 - p) / n)``.
        statistics: (n,) t of every draw; NaN where the model could not be fitted, which counts as
            far from zero.
        draws: (n, G) for each draw the patient, by place, whose arm each patient gets.
        patients: (G,) ids, in the order of the places.
        blocks: column within whose values arms were drawn; empty for none.
        seed: of the draws.
    """

    term: str
    statistic: float
    p_value: float
    mc_error: float
    statistics: Vector = field(repr=False)
    draws: Draws = field(repr=False)
    patients: tuple[str, ...] = field(repr=False)
    blocks: str
    seed: int

    @property
    def failed(self) -> int:
        """Draws on which the model could not be fitted."""
        return int(np.isnan(self.statistics).sum())


def rerandomise(
    fit: FittedModel | LinearFit,
    term: str,
    *,
    arm: str,
    patient: str,
    n: int = 1_000,
    seed: int = 1,
    blocks: str | None = None,
) -> Rerandomised:
    """Test a coefficient by drawing the patients' arms anew.

    Args:
        fit: a mixed or a linear model; its patients are those with a row that it uses.
        term: coefficient, as in ``fit.names``.
        arm: column of the arms, one a patient.
        patient: column that identifies them.
        n: draws, each a fit of some milliseconds.
        seed: of the draws.
        blocks: column of strata or blocks, one a patient, within which arms were drawn.

    Raises:
        ModelError: an unknown coefficient or column, a patient with two arms or blocks, a model
            without the arm, or an ``n`` or ``seed`` that is none.
    """
    _check(fit, term, arm, n, seed)
    data = fit.design.frame.data
    codes, labels, first = _patients(data, fit.design.used, patient)
    _one_each(data, codes, first, arm)
    strata = np.zeros(len(labels), dtype=np.intp)
    if blocks is not None:
        _one_each(data, codes, first, blocks)
        strata = _codes(data[blocks].iloc[first])
    draws = arrangements(strata, n, seed)
    arms = data[arm].iloc[first]
    known = codes >= 0
    spec = replace(fit.design.spec, besides=None)
    statistics = np.empty(n)
    for k, places in enumerate(draws):
        redrawn = data[arm].copy()
        redrawn[known] = arms.take(places).take(codes[known]).array
        statistics[k] = _t(spec, data.assign(**{arm: redrawn}), term)
    own = _t_of(fit, term)
    far = int((~(np.abs(statistics) < abs(own) * (1.0 - TIE))).sum())
    p = (1 + far) / (n + 1)
    return Rerandomised(
        *(term, own, p, math.sqrt(p * (1.0 - p) / n), statistics, draws, labels),
        blocks=blocks or "",
        seed=seed,
    )


def arrangements(strata: Draws, n: int, seed: int) -> Draws:
    """(n, G) places of patients, drawn without replacement within each stratum.

    Args:
        strata: (G,) stratum of each patient.
        n: draws.
        seed: of numpy's PCG64.
    """
    rng = np.random.default_rng(seed)
    found = np.tile(np.arange(len(strata), dtype=np.intp), (n, 1))
    for stratum in np.unique(strata):
        own = np.flatnonzero(strata == stratum)
        found[:, own] = rng.permuted(np.tile(own, (n, 1)), axis=1)
    return found


def _t(spec: ModelSpec, data: pd.DataFrame, term: str) -> float:
    """A coefficient's t on other data; NaN where the model cannot be fitted or has none."""
    try:
        design = build_design(spec, data)
        if term not in design.names:
            return math.nan
        return _t_of(fit_design(design), term) if spec.mixed else _linear_t(design, term)
    except HarnessError:
        return math.nan


def _t_of(fit: FittedModel | LinearFit, term: str) -> float:
    place = fit.names.index(term)
    return float(fit.beta[place] / math.sqrt(fit.vcov[place, place]))


def _linear_t(design: Design, term: str) -> float:
    """The t of least squares, read from the design's own orthogonal factor."""
    F = design.factor.R
    p = len(design.names)
    inverse = np.linalg.inv(F[:p, :p])
    row = inverse[design.names.index(term)]
    sigma = abs(float(F[p, p])) / math.sqrt(design.frame.n_obs - p)
    return float(row @ F[:p, p]) / (sigma * math.sqrt(float(row @ row)))


def _patients(
    data: pd.DataFrame, used: npt.NDArray[np.bool_], patient: str
) -> tuple[Draws, tuple[str, ...], Draws]:
    """Place of each row's patient (-1 for one without a used row), ids, and a row of each."""
    import pandas as pd

    _column(data, patient)
    labels = pd.Index(data.loc[used, patient].dropna().unique())
    codes = np.asarray(labels.get_indexer(pd.Index(data[patient])), dtype=np.intp)
    first = np.array([int(np.argmax(codes == k)) for k in range(len(labels))], dtype=np.intp)
    return codes, tuple(str(label) for label in labels), first


def _one_each(data: pd.DataFrame, codes: Draws, first: Draws, column: str) -> None:
    """Refuse a column that has not one value for each patient."""
    _column(data, column)
    values = _codes(data[column])
    known = codes >= 0
    if (values[known] < 0).any():
        raise ModelError(f"`{column}` is missing for a patient")
    if (values[first][codes[known]] != values[known]).any():
        raise ModelError(f"`{column}` is not the same in all rows of a patient")


def _codes(values: Any) -> Draws:
    import pandas as pd

    return np.asarray(pd.factorize(values)[0], dtype=np.intp)


def _column(data: pd.DataFrame, name: str) -> None:
    if name not in data.columns:
        raise ModelError(f"no column `{name}` in the data of the model")


def _check(fit: FittedModel | LinearFit, term: str, arm: str, n: int, seed: int) -> None:
    if term not in fit.names:
        raise ModelError(f"no coefficient `{term}`; the model has: {', '.join(fit.names)}")
    if arm not in fit.design.spec.formula.columns:
        raise ModelError(f"`{arm}` is not in the model: nothing would change")
    for name, value, least in (("n", n, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ModelError(f"{name} must be a whole number from {least}, not {value!r}")
