"""Rules on groups of patients: the counts of a CONSORT flow chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from harness.gate.checks.judgement import Judgement, column_vector


def group_counts(
    frame: pd.DataFrame, by: Sequence[str], unit: str, counts: Mapping[str, int]
) -> Judgement:
    """The number of distinct patients in each group equals the stated one.

    ``counts`` is keyed by the group's levels joined with `` | ``, as ``"TAU | post"``; a group
    that is not stated is expected to be empty. No row is at fault, so none is marked failed.
    """
    found = frame.groupby(list(by), observed=True, dropna=False)[unit].nunique()
    got = {
        " | ".join(str(level) for level in (key if isinstance(key, tuple) else (key,))): int(n)
        for key, n in found.items()
    }
    wrong = [
        f"{group}: {got.get(group, 0)} found, {counts.get(group, 0)} expected"
        for group in dict.fromkeys([*counts, *got])
        if got.get(group, 0) != counts.get(group, 0)
    ]
    judged = frame[unit].notna().to_numpy(dtype=bool)
    return Judgement(
        ("; ".join(by),),
        column_vector(judged),
        column_vector(np.zeros(len(frame), dtype=bool)),
        "; ".join(wrong),
        holds=not wrong,
    )
