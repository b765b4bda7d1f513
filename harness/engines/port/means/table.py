"""Estimates of linear functions as a table: tests and intervals, adjusted family by family."""

from __future__ import annotations

import numpy as np
import pandas as pd

from harness.engines.port.intervals.level import check_level
from harness.engines.port.means.adjust import Adjusted, Family, adjusted
from harness.engines.port.means.functions import Estimated, LinearFunctions, independent
from harness.errors import ModelError


def inferred(
    functions: LinearFunctions, adjust: str, level: float, pairs_of: int = 0
) -> pd.DataFrame:
    """Every column of a table of estimates but the labels.

    Args:
        functions: what is estimated.
        adjust: within families.
        level: of each family's intervals.
        pairs_of: the number of means in a family all of whose pairs are compared, or 0.

    Returns:
        estimate, std_error, df, statistic, p_value, conf_low, conf_high, df_method, adjust,
        conf_adjust (what was done for p values and for intervals), p_error (standard error of p
        values that were sampled, else 0), note (why a row has no estimate).

    Raises:
        ModelError: an unknown adjustment, a level not between 0 and 1.
    """
    check_level(level)
    found = functions.estimated()
    k = len(found.estimate)
    statistic, p_value, p_error, critical = (np.full(k, np.nan) for _ in range(4))
    method, interval_method = [adjust] * k, [adjust] * k
    usable = found.usable
    statistic[usable] = found.estimate[usable] / found.std_error[usable]
    for rows in functions.families:
        done = rows[usable[rows]]
        result = _family(functions, found, rows, adjust, level, pairs_of)
        p_value[done], p_error[done] = result.p_value, result.p_error
        critical[done] = result.critical
        for row in rows:
            method[row], interval_method[row] = result.method, result.interval_method
    half = critical * found.std_error
    return pd.DataFrame(
        {
            "estimate": found.estimate,
            "std_error": found.std_error,
            "df": found.df,
            "statistic": statistic,
            "p_value": p_value,
            "conf_low": found.estimate - half,
            "conf_high": found.estimate + half,
            "df_method": functions.method,
            "adjust": method,
            "conf_adjust": interval_method,
            "p_error": p_error,
            "note": list(found.note),
        }
    )


def _family(
    functions: LinearFunctions,
    found: Estimated,
    rows: np.ndarray[tuple[int], np.dtype[np.intp]],
    adjust: str,
    level: float,
    pairs_of: int,
) -> Adjusted:
    """One family, adjusted; the size is that of all rows, the results those of the usable."""
    done = rows[found.usable[rows]]
    full = functions.full[rows]
    full = full[np.isfinite(full).all(axis=1)] / functions.space.size
    family = Family(
        size=len(rows),
        statistic=found.estimate[done] / found.std_error[done],
        df=found.df[done],
        covariance=lambda: functions.covariance(done),
        pairs_of=pairs_of,
        rank=max(1, len(independent(full))) if adjust == "scheffe" else 1,
    )
    return adjusted(family, adjust, level)


def joint_table(functions: LinearFunctions) -> pd.DataFrame:
    """Tests that all functions of a family are zero together.

    Returns:
        One row a family: the family's columns, num_df, den_df, f_value, p_value, df_method, note.
        A family of which nothing can be estimated has num_df 0 and no F.

    Raises:
        ModelError: functions that an offset takes part in, which no hypothesis on coefficients is.
    """
    if np.abs(functions.constant).max(initial=0.0) > 0.0:
        raise ModelError("an offset takes part in these values; test contrasts of them instead")
    rows = []
    for at in functions.families:
        test, note = functions.joint_test(at)
        label = {name: functions.labels[name].iloc[at[0]] for name in functions.by}
        rows.append(
            {
                **label,
                "num_df": 0 if test is None else test.num_df,
                "den_df": np.nan if test is None else test.den_df,
                "f_value": np.nan if test is None else test.f_value,
                "p_value": np.nan if test is None else test.p_value,
                "df_method": functions.method,
                "note": note,
            }
        )
    return pd.DataFrame(rows)


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """A table without the columns that say nothing, for reading."""
    quiet = [name for name in ("note", "p_error") if name in table and not table[name].any()]
    return table.drop(columns=quiet)
