"""Other data that one may have answered the same question on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.compare.causes.asked import Asked
from harness.compare.causes.change import Change
from harness.compare.causes.questions import fixed_columns, is_factor
from harness.errors import HarnessError
from harness.language.nodes import Name, names_in, quote_name
from harness.models.design import build_design
from harness.models.record import Estimates
from harness.models.variables import level_text

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
        column = asked.frame[name]
        if not is_factor(column):
            continue
        factor = _categorical(column)
        levels = list(factor.cat.categories)
        printed = _in_order(levels, known.get(quote_name(name), ()))
        if printed and printed[0] == levels[0]:
            words = f"ordered the levels of `{name}` {' < '.join(map(str, printed))}"
            orders: Iterable[tuple[str, list[object]]] = [(words, printed)]
        elif printed:
            words = f"took `{printed[0]}` for the reference level of `{name}`"
            orders = [(words, printed)]
        else:
            orders = _orders(name, levels, factor, first=name in in_fixed)
        for words, order in orders:
            if order != levels:
                frame = asked.frame.assign(**{name: factor.cat.reorder_categories(order)})
                yield Change("levels", words, asked.spec, frame)


def _in_order(levels: list[object], texts: Iterable[str]) -> list[object]:
    """The levels in the order of their texts; empty if the texts are not theirs."""
    by_text = {level_text(level): level for level in levels}
    order = [by_text[text] for text in texts if text in by_text]
    absent = [level for level in levels if level not in order]
    return [*order, *absent] if order else []


def _orders(
    name: str, levels: list[object], factor: pd.Series, *, first: bool
) -> Iterator[tuple[str, list[object]]]:
    if first and len(levels) <= MOST_LEVELS:
        for level in levels[1:]:
            rest = [other for other in levels if other != level]
            yield f"took `{level}` for the reference level of `{name}`", [level, *rest]
    yield f"put the levels of `{name}` in alphabetical order", sorted(levels, key=str)
    seen = list(dict.fromkeys(factor.dropna()))
    absent = [level for level in levels if level not in seen]
    yield f"put the levels of `{name}` in the order in which they appear", [*seen, *absent]
    yield f"reversed the levels of `{name}`", levels[::-1]


def other_types(asked: Asked) -> Iterator[Change]:
    """A factor taken for a number, and a number for a factor."""
    for name in fixed_columns(asked.spec):
        column = asked.frame[name]
        if is_factor(column):
            numbers = pd.to_numeric(column.astype("object"), errors="coerce")
            if bool((numbers.isna() == column.isna()).all()) and len(numbers):
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
    yield from _left_out(asked, right, off)


def _missing_rules(asked: Asked) -> Iterator[Change]:
    """Patients with every visit only; the last value carried forward."""
    measured = [name for name in names_in(asked.spec.formula.response) if name in asked.frame]
    if not asked.id or asked.id not in asked.frame:
        return
    missing = asked.frame[list(asked.spec.columns)].isna().any(axis=1)
    ids = asked.frame[asked.id]
    complete = ~ids.isin(ids[missing])
    yield Change(
        "missing", "kept only patients without a missing value", asked.spec, asked.frame[complete]
    )
    if not asked.time or asked.time not in asked.frame:
        return
    order = asked.frame.sort_values([asked.id, asked.time], kind="stable")
    carried = order.groupby(asked.id, observed=True, sort=False)[measured].ffill()
    frame = asked.frame.assign(**{name: carried[name] for name in measured})
    yield Change("missing", "carried the last value forward", asked.spec, frame)
    means = {name: asked.frame[name].fillna(asked.frame[name].mean()) for name in measured}
    yield Change(
        "missing", "put the mean in place of missing outcomes", asked.spec,
        asked.frame.assign(**means),
    )  # fmt: skip


def _left_out(asked: Asked, right: Estimates, off: Estimates) -> Iterator[Change]:
    """One patient, one level of a factor or one row left out, such that the counts agree."""
    fewer = right.n_obs - off.n_obs
    if fewer <= 0:
        return
    try:
        design = build_design(asked.spec, asked.frame)
    except HarnessError:
        return
    used = np.setdiff1d(np.arange(len(asked.frame)), design.frame.omitted)
    y = pd.Series(design.y, index=used)
    gap, slack = _response_gap(right, off)
    names = dict.fromkeys(
        name
        for name in chain((asked.id,), asked.spec.columns)
        if name and (name == asked.id or is_factor(asked.frame[name]))
    )
    rows = asked.frame.iloc[used]
    tried = 0
    for name in names:
        codes = pd.Series(pd.factorize(rows[name])[0], index=used)
        sizes = codes.value_counts(sort=False)
        totals = y.groupby(codes.to_numpy()).sum()
        for code in sorted(sizes.index[sizes == fewer]):
            if abs(totals[code] - gap) > slack:
                continue
            value = rows[name].to_numpy()[np.argmax(codes.to_numpy() == code)]
            keep = (asked.frame[name] != value).to_numpy()
            words = f"left out the {fewer} rows with {name} {value}"
            yield Change("rows", words, asked.spec, asked.frame[keep])
            tried += 1
            if tried >= MOST_LEFT_OUT:
                return
    if fewer == 1:
        for place in _rows_that(used, y, gap, slack):
            keep = np.arange(len(asked.frame)) != place
            label = _row_label(asked, place)
            yield Change("rows", f"left out {label}", asked.spec, asked.frame[keep])
            tried += 1
            if tried >= MOST_LEFT_OUT:
                return


def _rows_that(used: npt.NDArray[np.intp], y: pd.Series, gap: float, slack: float) -> Iterable[int]:
    return (int(place) for place in used if abs(y[place] - gap) <= slack)


def _row_label(asked: Asked, place: int) -> str:
    row = asked.frame.iloc[place]
    parts = [f"{name} {row[name]}" for name in (asked.id, asked.time) if name in asked.frame]
    return f"the row of {', '.join(parts)}" if parts else f"row {place + 1}"


def _response_gap(right: Estimates, off: Estimates) -> tuple[float, float]:
    """By how much the responses' totals differ, and how exactly that is known."""
    if right.problem is None or off.problem is None:
        return 0.0, np.inf
    ours, theirs = right.problem.y, off.problem.y
    return ours.total - theirs.total, 1e-9 * max(ours.size, abs(ours.total), 1e-300)


def _same_response(right: Estimates, off: Estimates) -> bool:
    if right.problem is None or off.problem is None:
        return True
    return right.problem.y.sha256 == off.problem.y.sha256


def _categorical(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column
    return column.astype(pd.CategoricalDtype(sorted(column.dropna().unique(), key=str)))
