"""What the columns of a table of estimates hold, by their names; a name nobody knows is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.data.table import TableError
from harness.estimates.quantities import QUANTITIES
from harness.plain import plain

KEYS = ("analysis", "set", "outcome", "moderator")
ROW_NAMES = "row.names"
"""The name given to R's column of row names, which has none in the file."""

_BROOM = {
    "std.error": "std_error",
    "p.value": "p_value",
    "conf.low": "conf_low",
    "conf.high": "conf_high",
}
_SUMMARY = {  # coef(summary(fit)) and confint(fit)
    "Estimate": "estimate",
    "Std. Error": "std_error",
    "t value": "statistic",
    "z value": "statistic",
    "Pr(>|t|)": "p_value",
    "Pr(>|z|)": "p_value",
    "2.5 %": "conf_low",
    "97.5 %": "conf_high",
}
_NAMED: Mapping[str, str] = {name: name for name in QUANTITIES} | _BROOM | _SUMMARY
_WIDE = ("group", "effect", "component")
_LONG = ("value", "python", "r")
_ABOUT = ("model", "df_method", "tier")
_TOLD = ("published", "delta", "metric", "limit", "verdict", "cause", "note")
"""Columns of a diff table that say what came of a number: read over, being no estimates."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Which column holds what.

    Attributes:
        term: the column of names.
        keys: the columns that name the model, of analysis, set, outcome and moderator.
        quantities: column -> quantity, where each number has a column; empty for a long table.
        values: column -> engine, where each number has a row; empty for a wide table.
    """

    term: str
    keys: tuple[str, ...]
    quantities: Mapping[str, str]
    values: Mapping[str, str]


def layout(file: str, header: Sequence[str]) -> Layout:
    """Read the header of a table of estimates.

    Raises:
        TableError: a column that is not known, two columns of one quantity, no column of terms
            or of numbers.
    """
    names = set(header)
    term = "term" if "term" in names else ROW_NAMES
    if term not in names:
        raise TableError(file, 1, "no column `term`")
    long = "quantity" in names
    known = {"term", ROW_NAMES, *KEYS, *_ABOUT}
    known |= {"quantity", *_LONG, *_TOLD} if long else {*_WIDE, *_NAMED}
    for name in header:
        if name not in known:
            if name in _LONG and not long:
                raise TableError(file, 1, f"a column `{name}` needs a column `quantity` beside it")
            shape = "a table with a column `quantity`" if long else "a table of estimates"
            raise TableError(
                file, 1, f"`{plain(name)[:60]}` is no column of {shape}; drop or rename it"
            )
    values = {name: "" if name == "value" else name for name in header if long and name in _LONG}
    if "value" in values and len(values) > 1:
        raise TableError(file, 1, "both `value` and `python` or `r`; keep one kind")
    quantities: dict[str, str] = {}
    for name in header:
        if not long and name in _NAMED:
            if _NAMED[name] in quantities.values():
                raise TableError(file, 1, f"`{name}` is a second column of {_NAMED[name]}")
            quantities[name] = _NAMED[name]
    if not quantities and not values:
        raise TableError(file, 1, "no column of numbers, such as `estimate` or `value`")
    return Layout(term, tuple(name for name in KEYS if name in names), quantities, values)
