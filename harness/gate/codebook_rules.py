"""The rules a codebook implies: columns, levels, ranges, codes, missing shares, totals.

Each says one thing about one variable, or the same thing about the items of one scale. What
relates variables, visits or arms is written by hand in the suite.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from harness.data.codebook import Variable
from harness.errors import SuiteError

NUMERIC_CODES = (-9, -99, -999, 99, 999, 9999)
"""Numbers used for "missing"; those inside a variable's range cannot be told from values."""
TEXT_CODES = ("-9", "-99", "-999", "99", "999", "9999", ".", "?", "n/a", "nan", "null", "missing")
DATE_CODES = ("1900-01-01", "1960-01-01", "1970-01-01", "9999-12-31")
"""Day zero of spreadsheets, SAS and Unix, and the day that never comes."""

_ITEM = re.compile(r"(?P<stem>.+)_\d+[a-z]?\Z")


def generated_rules(variables: Sequence[Variable], key: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The rules a codebook implies, in a fixed order.

    Args:
        variables: the codebook's lines, in its order.
        key: the columns of the patient and the visit. With a visit, a variable may not be wholly
            missing at any of them.
    """
    return [
        _columns(variables),
        *_levels(variables),
        *_ranges(variables),
        *_whole(variables),
        *_flags(variables),
        *_codes(variables),
        *_missing(variables, key),
        *_totals(variables),
    ]


def _rule(
    name: str, kind: str, sentence: str, kwargs: dict[str, Any], *, vacuous: bool = False
) -> dict[str, Any]:
    meta: dict[str, Any] = {"rule": name, "source": "codebook"}
    if vacuous:
        meta["allow_vacuous"] = True
    return {"type": kind, "severity": "critical", "notes": sentence, "meta": meta, "kwargs": kwargs}


def _columns(variables: Sequence[Variable]) -> dict[str, Any]:
    return _rule(
        "COLUMNS",
        "expect_table_columns_to_match_set",
        "The data have the codebook's columns and no others.",
        {"column_set": [variable.name for variable in variables], "exact_match": True},
    )


def _levels(variables: Sequence[Variable]) -> Iterable[dict[str, Any]]:
    for variable in variables:
        if variable.levels:
            levels = list(variable.levels)
            yield _rule(
                f"LEVELS-{variable.name}",
                "expect_column_values_to_be_in_set",
                f"{variable.name} is {_either(levels)}.",
                {"column": variable.name, "value_set": levels},
                vacuous=_may_be_empty(variable),
            )


def _ranges(variables: Sequence[Variable]) -> Iterable[dict[str, Any]]:
    ranged = [v for v in variables if v.minimum is not None or v.maximum is not None]
    ranged = [v for v in ranged if not (v.type == "flag" and (v.minimum, v.maximum) == (0, 1))]
    families: dict[tuple[object, ...], list[Variable]] = {}
    for variable in ranged:
        families.setdefault(_family(variable), []).append(variable)
    for family in families.values():
        names = [variable.name for variable in family]
        limits = {
            name: _number(limit)
            for name, limit in (("min_value", family[0].minimum), ("max_value", family[0].maximum))
            if limit is not None
        }
        words = _limits(family[0])
        vacuous = all(_may_be_empty(variable) for variable in family)
        if len(family) == 1:
            yield _rule(
                f"RANGE-{names[0]}",
                "expect_column_values_to_be_between",
                f"{names[0]} is {words}.",
                {"column": names[0], **limits},
                vacuous=vacuous,
            )
        else:
            yield _rule(
                f"RANGE-{names[0]}..{names[-1]}",
                "expect_cells_to_be_between",
                f"Each of {names[0]} to {names[-1]} ({len(names)} items) is {words}.",
                {"column_list": names, **limits},
                vacuous=vacuous,
            )


def _whole(variables: Sequence[Variable]) -> Iterable[dict[str, Any]]:
    names = [variable.name for variable in variables if variable.type == "integer"]
    if names:
        yield _rule(
            "WHOLE",
            "expect_cells_to_be_whole",
            f"Values of the {_count(names, 'integer variable')} are whole numbers.",
            {"column_list": names},
        )


def _flags(variables: Sequence[Variable]) -> Iterable[dict[str, Any]]:
    names = [variable.name for variable in variables if variable.type == "flag"]
    if names:
        yield _rule(
            "FLAGS",
            "expect_cells_to_be_in_set",
            f"Values of the {_count(names, 'flag')} are 0 (false) or 1 (true).",
            {"column_list": names, "value_set": [0, 1]},
        )


def _codes(variables: Sequence[Variable]) -> Iterable[dict[str, Any]]:
    groups: dict[tuple[float | str, ...], list[Variable]] = {}
    for variable in variables:
        if codes := _codes_of(variable):
            groups.setdefault(codes, []).append(variable)
    for codes, members in groups.items():
        names = [variable.name for variable in members]
        listed = ", ".join(str(code) for code in codes)
        yield _rule(
            f"CODES-{names[0]}",
            "expect_cells_not_to_be_codes",
            f"No cell of {_named(names)} holds a missing-value code ({listed}).",
            {"column_list": names, "codes": list(codes)},
            vacuous=all(_may_be_empty(variable) for variable in members),
        )


def _codes_of(variable: Variable) -> tuple[float | str, ...]:
    match variable.type:
        case "integer" | "number":
            return tuple(code for code in NUMERIC_CODES if not _may_be_value(code, variable))
        case "factor" | "text":
            return tuple(code for code in TEXT_CODES if code not in variable.levels)
        case "date":
            return DATE_CODES
        case _:
            return ()


def _may_be_value(code: int, variable: Variable) -> bool:
    """Whether a code lies inside the range; with no limit on its side, only if it is small."""
    low, high = variable.minimum, variable.maximum
    if (low is not None and code < low) or (high is not None and code > high):
        return False
    return abs(code) < 999 or (low if code < 0 else high) is not None


def _missing(variables: Sequence[Variable], key: Sequence[str]) -> Iterable[dict[str, Any]]:
    groups: dict[tuple[tuple[str, ...], float], list[Variable]] = {}
    for variable in variables:
        if not _may_be_empty(variable):
            place = (tuple(variable.times), variable.missing)
            groups.setdefault(place, []).append(variable)
    for (times, share), members in groups.items():
        names = [variable.name for variable in members]
        if times and len(key) < 2:
            raise SuiteError(f"{names[0]} is collected at {times[0]}, but meta.key names no visit")
        label = "-".join(["MISSING", *times, f"{100 * share:g}"])
        where = f" at {_either(list(times))}" if times else ""
        kwargs: dict[str, Any] = {"column_list": names, "at_most": _number(share)}
        if len(key) > 1 and share > 0:
            kwargs["by"] = [key[1]]
            limit = f"at most {100 * share:g} % of the values are missing, and never all of a visit"
        else:
            limit = "no value is missing"
        if times:
            kwargs["row_condition"] = {
                "type": "comparison",
                "column": {"name": key[1]},
                "operator": "IN",
                "parameter": list(times),
            }
        yield _rule(
            label,
            "expect_share_missing_to_be_at_most",
            f"In {'each of ' if len(names) > 1 else ''}{_named(names)}{where}, {limit}.",
            kwargs,
        )


def _totals(variables: Sequence[Variable]) -> Iterable[dict[str, Any]]:
    for variable in variables:
        if not variable.items:
            continue
        divisor = _number(variable.divisor)
        over = "" if divisor == 1 else f" divided by {divisor}"
        kwargs: dict[str, Any] = {"column_list": [*variable.items, variable.name]}
        if divisor != 1:
            kwargs["divisor"] = divisor
        yield _rule(
            f"SUM-{variable.name}",
            "expect_items_to_sum_to_total",
            f"{variable.name} is the sum of {_named(list(variable.items))}{over}.",
            {**kwargs, "tolerance": 0.01},
        )


def _may_be_empty(variable: Variable) -> bool:
    """Whether the codebook lets every value be missing, as a reason only some patients have."""
    return variable.missing >= 1


def _stem(name: str) -> str:
    found = _ITEM.match(name)
    return found["stem"] if found else ""


def _family(variable: Variable) -> tuple[object, ...]:
    """The items of one scale share a rule if they share a range; any other variable is alone."""
    stem = _stem(variable.name)
    limits = (variable.type, variable.minimum, variable.maximum, tuple(variable.times))
    return (stem, *limits) if stem else (variable.name, *limits)


def _limits(variable: Variable) -> str:
    unit = f" {variable.unit}" if variable.unit else ""
    low, high = variable.minimum, variable.maximum
    if low is None or high is None:
        bound, word = (high, "at most") if low is None else (low, "at least")
        return f"{word} {_number(bound or 0.0)}{unit}"
    if low == high:
        return f"{_number(low)}{unit}"
    return f"between {_number(low)} and {_number(high)}{unit}"


def _either(levels: list[str]) -> str:
    return levels[0] if len(levels) == 1 else f"{', '.join(levels[:-1])} or {levels[-1]}"


def _named(names: list[str]) -> str:
    if len(names) <= 4:
        return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    return f"{names[0]}, {names[1]}, … {names[-1]} ({len(names)} columns)"


def _count(names: list[str], what: str) -> str:
    return f"{len(names)} {what}{'' if len(names) == 1 else 's'}"


def _number(value: float) -> float:
    return int(value) if float(value).is_integer() else float(value)
