"""Why a file's scores are not what its answers give: another rule, reversal, form, rounding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pandas as pd

from harness.data.scores import Scored
from harness.scoring.catalogue import instruments
from harness.scoring.score import disagreeing, score

_DECIMALS = (6, 5, 4, 3, 2, 1, 0)


def agreeing_entry(one: Scored, frame: pd.DataFrame) -> str:
    """What the plan's entry would have to say for all stored scores to agree; empty if nothing.

    The entry as it is must not agree. One change is tried before two, and finer rounding before
    coarser. The data are refused either way: which of the two is right, file or plan, is for a
    person to say.
    """
    for said, other in _others(one, frame):
        if _agrees(other, frame):
            return ", ".join(f"`{key}: {value}`" for key, value in said.items())
    return ""


def _others(one: Scored, frame: pd.DataFrame) -> Iterator[tuple[dict[str, str], Scored]]:
    instrument = instruments()[one.instrument]
    scorings: list[tuple[dict[str, str], Scored]] = [({}, one)]
    scorings += [
        ({"missing": rule}, replace(one, rule=rule))
        for rule in instrument.missing
        if rule != one.rule
    ]
    if one.form.reversed:
        recoded = not one.recoded
        scorings.append(({"recoded": str(recoded).lower()}, replace(one, recoded=recoded)))
    scorings += [
        ({"version": form.version}, replace(one, form=form))
        for form in instrument.forms
        if form.version != one.form.version
        and (form.n_items, form.scores) == (one.form.n_items, one.form.scores)
    ]
    roundings: list[tuple[dict[str, str], int | None]] = [({}, one.decimals)]
    if one.decimals is None:
        roundings += [({"decimals": str(digits)}, digits) for digits in _DECIMALS]
    pairs = product(scorings, roundings)
    for (said, other), (rounded, decimals) in sorted(pairs, key=lambda p: len(p[0][0] | p[1][0])):
        answers = frame[list(other.items)]
        scores = score(other.form, answers, other.rule, recoded=other.recoded)
        yield said | rounded, replace(other, decimals=decimals, scores=scores)


def _agrees(one: Scored, frame: pd.DataFrame) -> bool:
    for name in one.stored:
        stored = frame[one.columns[name]].to_numpy(dtype=float)
        if disagreeing(stored, one.scores.values[name], one.decimals).any():
            return False
    return True
