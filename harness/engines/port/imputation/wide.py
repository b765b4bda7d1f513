"""A trial in long form as one row a patient: what imputation sees, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.engines.port.arguments import check_frame
from harness.errors import DataError
from harness.models.read_only import read_only

Matrix = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Wide:
    """One outcome of n patients at V visits.

    Attributes:
        outcome, id, time, arm: columns of the data.
        visits: levels of the time column, in order.
        arms: levels of the arm column that have patients.
        Y: (n, V) the outcome, NaN where it was not seen.
        of_arm: (n,) number of each patient's arm in ``arms``.
        X: (n, 1 + c) a column of ones and the covariates, factors in treatment coding.
        names: of the columns of X.
        frame: (n V rows, patient by patient) the data with a row for every visit of every patient.
            Rows that the data lacked have what is constant within the patient, and nothing else.
    """

    outcome: str
    id: str
    time: str
    arm: str
    visits: tuple[object, ...]
    arms: tuple[object, ...]
    Y: Matrix
    of_arm: Index
    X: Matrix
    names: tuple[str, ...]
    frame: pd.DataFrame

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """(n, V) where the outcome was not seen."""
        return np.isnan(self.Y)

    def rows_of(self, arm: object) -> Index:
        """Numbers of an arm's patients.

        Raises:
            DataError: there is no such arm.
        """
        if arm not in self.arms:
            raise DataError(f"no patient is in arm {arm!r}; arms: {_listed(self.arms)}")
        return np.flatnonzero(self.of_arm == self.arms.index(arm))

    def visit_numbers(self, visits: Sequence[object] | None) -> Index:
        """Positions of these visits; of all for None.

        Raises:
            DataError: one of them is none.
        """
        if visits is None:
            return np.arange(len(self.visits))
        for visit in visits:
            if visit not in self.visits:
                raise DataError(
                    f"`{self.time}` has no visit {visit!r}; visits: {_listed(self.visits)}"
                )
        return np.flatnonzero([visit in list(visits) for visit in self.visits])


def to_wide(
    data: pd.DataFrame, outcome: str, *, id: str, time: str, arm: str, covariates: Sequence[str]
) -> Wide:
    """Arrange a long data frame by patient.

    Raises:
        DataError: an absent column, two rows of one visit, an arm that changes, a covariate that is
            missing or varies within a patient, an outcome that is no number, a visit at which
            an arm has nobody seen.
    """
    check_frame(data, "data")
    for column in (outcome, id, time, arm, *covariates):
        if column not in data.columns:
            raise DataError(f"no column `{column}`")
    for column in (id, time, arm):
        if data[column].isna().any():
            raise DataError(f"`{column}` is missing in {int(data[column].isna().sum())} rows")
    if not pd.api.types.is_numeric_dtype(data[outcome]):
        raise DataError(f"outcome `{outcome}` is not a number")
    if np.isinf(data[outcome].to_numpy(dtype=np.float64)).any():
        raise DataError(f"outcome `{outcome}` is infinite in some rows")
    twice = data.duplicated([id, time])
    if twice.any():
        patient, visit = data.loc[twice, [id, time]].iloc[0]
        raise DataError(f"patient {patient} has two rows of {time} {visit}")
    # A visit at which nobody was seen has no such outcome.
    visits = _levels(data.loc[data[outcome].notna(), time])
    if not visits:
        raise DataError(f"`{outcome}` was never seen")
    frame = _every_visit(data, id, time, visits)
    first = frame.iloc[:: len(visits)]
    for column in (arm, *covariates):
        if (
            first[column].isna().any()
            or (data.groupby(id, observed=True)[column].nunique(dropna=False) > 1).any()
        ):
            raise DataError(
                f"`{column}` is missing or varies within a patient; here it must be complete and "
                "one value a patient"
            )
    arms = _levels(first[arm])
    Y = frame[outcome].to_numpy(dtype=np.float64).reshape(-1, len(visits))
    of_arm = pd.Categorical(first[arm], categories=list(arms)).codes.astype(np.intp)
    wide = Wide(
        *(outcome, id, time, arm, visits, arms, read_only(Y), of_arm),
        *_coded(first, covariates),
        frame,
    )
    _check_seen(wide)
    return wide


def _check_seen(wide: Wide) -> None:
    for k, arm in enumerate(wide.arms):
        seen = (~wide.missing[wide.of_arm == k]).sum(axis=0)
        if not seen.all():
            visit = wide.visits[int(np.argmin(seen))]
            raise DataError(
                f"nobody of {wide.arm} {arm} was seen at {wide.time} {visit}: nothing there to "
                "draw from; leave the visit out"
            )


def _levels(column: pd.Series) -> tuple[object, ...]:
    """Levels with rows: a factor's in its order, others sorted."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return tuple(level for level in column.cat.categories if (column == level).any())
    return tuple(sorted(column.unique().tolist()))


def _every_visit(
    data: pd.DataFrame, id: str, time: str, visits: tuple[object, ...]
) -> pd.DataFrame:
    patients = pd.unique(data[id]).tolist()
    index = pd.MultiIndex.from_product([patients, list(visits)], names=[id, time])
    keyed = data.assign(**{id: data[id].astype(object), time: data[time].astype(object)})
    full = keyed.set_index([id, time]).reindex(index).reset_index()
    full[time] = full[time].astype(data[time].dtype)
    full[id] = full[id].astype(data[id].dtype)
    there = index.isin(pd.MultiIndex.from_frame(keyed[[id, time]]))
    if not there.all():
        groups = data.groupby(id, observed=True, sort=False)
        several = groups.nunique(dropna=False) > 1
        for column in several.columns[~several.any()]:
            value = full[id].map(groups[column].first())
            full[column] = full[column].where(there, value).astype(data[column].dtype)
    return full[list(data.columns)]


def _coded(first: pd.DataFrame, covariates: Sequence[str]) -> tuple[Matrix, tuple[str, ...]]:
    columns: list[npt.NDArray[np.float64]] = [np.ones(len(first))]
    names = ["(Intercept)"]
    for covariate in covariates:
        column = first[covariate]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            columns.append(column.to_numpy(dtype=np.float64))
            names.append(covariate)
            continue
        for level in _levels(column)[1:]:
            columns.append(np.asarray(column == level, dtype=np.float64))
            names.append(f"{covariate}{level}")
    return read_only(np.column_stack(columns)), tuple(names)


def _listed(levels: tuple[object, ...]) -> str:
    return ", ".join(map(str, levels))
