"""The codes of a grouping factor on all rows, whatever its columns are made of."""

from __future__ import annotations

import numpy as np
import pandas as pd

from harness.language.nodes import Name
from harness.models.variables import (
    Factor,
    Vector,
    as_factor,
    check_exact,
    evaluate_variable,
    level_text,
)


def grouping_codes(columns: tuple[str, ...], frame: pd.DataFrame) -> Factor:
    """A grouping factor's codes on all rows; an interaction varies its last column fastest."""
    parts = [_as_grouping(name, frame) for name in columns]
    if len(parts) == 1:
        return parts[0]
    codes = parts[0].codes.astype(np.int64)
    missing = codes < 0
    for part in parts[1:]:
        missing = missing | (part.codes < 0)
        codes = codes * len(part.levels) + part.codes
    used, compact = np.unique(np.where(missing, -1, codes), return_inverse=True)
    if used[0] == -1:
        used, compact = used[1:], compact - 1
    texts: list[str] = []
    spelt = [[level_text(level) for level in part.levels] for part in reversed(parts)]
    for value in used.tolist():
        names = []
        rest = value
        for levels in spelt:
            rest, position = divmod(rest, len(levels))
            names.append(levels[position])
        texts.append(":".join(reversed(names)))
    return Factor(":".join(columns), compact, pd.Index(texts, dtype=object))


def _as_grouping(name: str, frame: pd.DataFrame) -> Factor:
    """A grouping column as a factor: numbers by value, text by code point."""
    variable = evaluate_variable(Name(name), frame)
    if isinstance(variable, Factor):
        return variable
    values = variable.columns[0]
    # By comparison, not by difference: two infinities have none.
    if len(values) and bool((values[1:] >= values[:-1]).all()) and values[0] == values[0]:
        first = np.concatenate(([True], values[1:] > values[:-1]))
        check_exact(name, values[first])
        return Factor(name, np.cumsum(first) - 1, pd.Index(values[first]))
    return as_factor(variable, name) if len(values) < 10_000 else _hashed(name, values)


def _hashed(name: str, values: Vector) -> Factor:
    """Codes of many unsorted numbers; the levels stay numbers, nobody reads 100,000 texts."""
    codes, levels = pd.factorize(values, sort=True)
    check_exact(name, levels)
    return Factor(name, codes, pd.Index(levels))
