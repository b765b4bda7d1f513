"""Restricted expressions over the columns of a frame: set definitions and derived columns.

A number is finite or missing, never infinite: the logarithm of a value that is not positive, a
division by zero, an overflow are missing (R gives -Inf, Inf or NaN there, and lme4 then stops).
Truth has three values: a comparison with a missing value is missing, and ``and``, ``or`` and
``not`` follow Kleene, as R's ``&``, ``|`` and ``!`` do.
"""

from __future__ import annotations

from functools import lru_cache

import pandas as pd

from harness.errors import FormulaError
from harness.language.evaluation import Panel, value_of
from harness.language.nodes import Node, deparse
from harness.language.values import as_series

__all__ = ["Panel", "evaluate", "parse_expression"]


@lru_cache(maxsize=4096)
def parse_expression(text: str) -> Node:
    """Parse a restricted expression (arithmetic, comparison, ``and or not``, whitelisted calls).

    Raises:
        FormulaError: for anything else, with the position of the first wrong character.
    """
    from harness.language.parser import read_expression

    return read_expression(text)


def evaluate(node: Node, frame: pd.DataFrame, panel: Panel | None = None) -> pd.Series:
    """The value of an expression in every row of ``frame``, on the frame's index.

    Args:
        node: from :func:`parse_expression`.
        frame: its columns; factors are ``Categorical``.
        panel: needed by ``baseline()`` and ``change()`` only.

    Returns:
        float64 for numbers (finite or NaN), nullable ``boolean`` for truth values, otherwise
        the kind of column that ``factor()``, ``baseline()`` or a plain name gives.

    Raises:
        FormulaError: an unknown column, operands of the wrong kind, or a factor compared
            with something that is none of its levels.
        DataError: two baseline rows of one id.
    """
    value = value_of(node, frame, panel)
    series = as_series(value, frame.index)
    if series is None:
        text = deparse(node)
        raise FormulaError("a string alone is not a column", text, 0)
    return series
