"""What users pass to fits, checked before any algebra sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.errors import DataError, ModelError
from harness.models.spec import DfMethod

Matrix = npt.NDArray[np.float64]


def check_call(formula: object, data: object, reml: object = True) -> None:
    """Refuse arguments of a fit that are of another kind than they should be.

    Raises:
        DataError: data that are no data frame.
        ModelError: a formula that is no text, or a criterion that is neither true nor false.
    """
    if not isinstance(formula, str):
        raise ModelError(
            f"the formula must be text such as 'y ~ x + (1 | id)', not {type(formula).__name__}"
        )
    check_frame(data, "data")
    check_flag("reml", reml, "reml=False is maximum likelihood")


def check_frame(data: object, label: str) -> None:
    """Refuse what is no data frame.

    Raises:
        DataError: naming the argument.
    """
    if not isinstance(data, pd.DataFrame):
        raise DataError(
            f"{label} must be a pandas DataFrame, not {type(data).__name__}; "
            "pandas.DataFrame(...) makes one of a mapping or an array"
        )


def check_flag(label: str, value: object, remedy: str) -> None:
    """Refuse what is neither true nor false; any text would count as true.

    Raises:
        ModelError: naming the argument.
    """
    if not isinstance(value, bool | np.bool_):
        raise ModelError(f"{label} must be True or False, not {value!r}; {remedy}")


def check_df(method: object) -> None:
    """Refuse an unknown method of degrees of freedom.

    Raises:
        ModelError: naming those that are known.
    """
    if method not in get_args(DfMethod):
        raise ModelError(f"unknown df method `{method}`; one of: {', '.join(get_args(DfMethod))}")


def contrast_rows(contrasts: Any, names: Sequence[str]) -> Matrix:
    """Contrasts (k, p) of the coefficients as a matrix of floats.

    Raises:
        ModelError: not one number for each coefficient in a row, or values that are not finite.
    """
    try:
        rows = np.asarray(contrasts, dtype=np.float64)
    except (TypeError, ValueError):
        rows = np.empty(0)
    if rows.ndim != 2 or rows.shape[1] != len(names) or not np.isfinite(rows).all():
        raise ModelError(
            f"contrasts must be a matrix of finite numbers with a column for each of the "
            f"{len(names)} coefficients ({', '.join(names[:8])}{', ...' if len(names) > 8 else ''})"
        )
    return rows
