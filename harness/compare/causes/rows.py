"""Other data that one may have answered the same question on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import pandas as pd

from harness.compare.causes.asked import Asked
from harness.compare.causes.change import Change
from harness.compare.causes.questions import fixed_columns, is_factor
from harness.language.nodes import Name, names_in, quote_name
from harness.models.design import build_design
from harness.models.record import Estimates
from harness.models.variables import Factor, evaluate_variable, level_text

MOST_LEVELS = 12
"""Levels of a factor up to which each is tried as the first."""

MOST_LEFT_OUT = 500
"""Groups, levels or rows whose absence is tried, where nothing narrows them down."""


def other_levels(asked: Asked, off: Estimates) -> Iterator[Change]:
    """Other orders of a factor's levels: another first, alphabetical, as they appear, reversed.

    Where the print of the answer to be explained gives the order, it is that one.
    """
    in_fixed = set(fixed_columns(asked.spec))
    known = {} if off.problem is None else off.problem.levels
    for name in asked.spec.columns:
        variable = evaluate_variable(Name(name), asked.frame)
        if not isinstance(variable, Factor):
            continue
        factor = pd.Categorical.from_codes(variable.codes, variable.levels)
        levels = list(factor.categories)
        printed = _in_order(levels, known.get(quote_name(name), ()))
        if printed and printed[0] == levels[0]:
            words = f"ordered the levels of `{name}` {' < '.join(map(level_text, printed))}"
            orders: Iterable[tuple[str, list[object]]] = [(words, printed)]
        elif printed:
            words = f"took `{level_text(printed[0])}` for the reference level of `{name}`"
            orders = [(words, printed)]
        else:
            orders = _orders(name, levels, factor, first=name in in_fixed)
        for words, order in orders:
            if order != levels:
                frame = asked.frame.assign(**{name: factor.reorder_categories(order)})
                yield Change("levels", words, asked.spec, frame)


def _in_order(levels: list[object], texts: Iterable[str]) -> list[object]:
    """The levels in the order of their texts; empty if the texts are not theirs."""
    by_text = {level_text(level): level for level in levels}
    order = [by_text[text] for text in texts if text in by_text]
    absent = [level for level in levels if level not in order]
    return [*order, *absent] if order else []


def _orders(
    name: str, levels: list[object], factor: pd.Categorical, *, first: bool
) -> Iterator[tuple[str, list[object]]]:
    if first and len(levels) <= MOST_LEVELS:
        for level in levels[1:]:
            rest = [other for other in levels if other != level]
            yield f"took `{level_text(level)}` for the reference level of `{name}`", [level, *rest]
    yield f"put the levels of `{name}` in alphabetical order", sorted(levels, key=str)
    seen = list(dict.fromkeys(factor.dropna()))
    absent = [level for level in levels if level not in seen]
    yield f"put the levels of `{name}` in the order in which they appear", [*seen, *absent]
    yield f"reversed the levels of `{name}`", levels[::-1]


def other_types(asked: Asked) -> Iterator[Change]:
    """A factor taken for a number, and a number for a factor."""
    for name in fixed_columns(asked.spec):
        column = asked.frame[name]
        if is_factor(asked.frame, name):
            numbers = pd.to_numeric(column.astype("object"), errors="coerce")
            if (numbers.isna() == column.isna()).all():
                frame = asked.frame.assign(**{name: numbers.astype("float64")})
                yield Change("type", f"took `{name}` for a number", asked.spec, frame)
        elif column.nunique() <= MOST_LEVELS:
            frame = asked.frame.assign(**{name: pd.Categorical(column)})
            yield Change("type", f"took `{name}` for a factor", asked.spec, frame)


def other_outcome(asked: Asked) -> Iterator[Change]:
    """The outcome's sign turned."""
    response = asked.spec.formula.response
    if isinstance(response, Name):
        frame = asked.frame.assign(**{response.name: -asked.frame[response.name]})
        yield Change("sign", f"turned the sign of `{response.name}`", asked.spec, frame)


def other_rows(asked: Asked, right: Estimates, off: Estimates) -> Iterator[Change]:
    """Another analysis set, another rule for missing values, rows left out.

    Args:
        asked: the model.
        right: the port's answer to it.
        off: the answer to be explained, whose counts narrow down what was left out.
    """
    if (off.n_obs, off.groups) == (right.n_obs, right.groups) and _same_response(right, off):
        return
    for name, frame in asked.sets.items():
        yield Change("set", f"analysed the set {name}", asked.spec, frame)
    yield from _missing_rules(asked)
    yield from islice(_left_out(asked, right, off), MOST_LEFT_OUT)


def _missing_rules(asked: Asked) -> Iterator[Change]:
    """Patients with every visit only; the last value carried forward; the mean put in."""
    spec, frame = asked.spec, asked.frame
    measured = names_in(spec.formula.response)
    if asked.id in frame:
        ids = frame[asked.id]
        complete = frame[~ids.isin(ids[frame[list(spec.columns)].isna().any(axis=1)])]
        yield Change("missing", "kept only patients without a missing value", spec, complete)
    if asked.id in frame and asked.time in frame:
        order = frame.sort_values(asked.time, kind="stable")
        carried = order.groupby(asked.id, observed=True)[list(measured)].ffill()
        filled = frame.assign(**{name: carried[name] for name in measured})
        yield Change("missing", "carried the last value forward", spec, filled)
    means = {name: frame[name].fillna(frame[name].mean()) for name in measured}
    words = "put the mean in place of missing outcomes"
    yield Change("missing", words, spec, frame.assign(**means))


def _left_out(asked: Asked, right: Estimates, off: Estimates) -> Iterator[Change]:
    """One patient, one level of a factor or one row left out, such that the counts agree."""
    spec, frame = asked.spec, asked.frame
    design = build_design(spec, frame)
    used = np.setdiff1d(np.arange(len(frame)), design.frame.omitted)
    fewer = right.n_obs - off.n_obs
    gap, slack = _response_gap(right, off)
    factors = (name for name in spec.columns if is_factor(frame, name))
    for name in dict.fromkeys((*([asked.id] if asked.id in frame else ()), *factors)):
        codes, values = pd.factorize(frame[name].iloc[used], use_na_sentinel=False)
        totals = np.bincount(codes, weights=design.y)
        for code in np.flatnonzero((np.bincount(codes) == fewer) & (abs(totals - gap) <= slack)):
            rows = "row" if fewer == 1 else f"{fewer} rows"
            words = f"left out the {rows} with {name} {values[code]}"
            yield Change("rows", words, spec, frame[frame[name] != values[code]])
    if fewer == 1:
        for place in used[abs(design.y - gap) <= slack]:
            words = f"left out {_row_label(asked, int(place))}"
            yield Change("rows", words, spec, frame[np.arange(len(frame)) != place])


def _row_label(asked: Asked, place: int) -> str:
    row = asked.frame.iloc[place]
    parts = [f"{name} {row[name]}" for name in (asked.id, asked.time) if name in asked.frame]
    return f"the row of {', '.join(parts)}" if parts else f"row {place + 1}"


def _response_gap(right: Estimates, off: Estimates) -> tuple[float, float]:
    """By how much the responses' totals differ, and how exactly that is known."""
    if right.problem is None or off.problem is None:
        return 0.0, np.inf
    ours, theirs = right.problem.y, off.problem.y
    return ours.total - theirs.total, 1e-9 * ours.size


def _same_response(right: Estimates, off: Estimates) -> bool:
    if right.problem is None or off.problem is None:
        return True
    return right.problem.y.sha256 == off.problem.y.sha256
