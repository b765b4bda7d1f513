"""Answers to scores: one pure function, every person at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.scoring.instrument import Form, MissingRule, Part

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

SAME = 1e-9
"""Two values of a score nearer than this (in points, or relative where larger) are one value.

A score is a ratio of whole numbers below a thousand: two that differ are further apart than 1e-4.
A file written with twelve significant digits or more keeps them nearer than 1e-9.
"""


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of a frame of answers; ``n`` persons, ``k`` items.

    Attributes:
        values: each score in points, shape (n,); NaN where it is missing.
        missing: number of missing answers among the items of each score, shape (n,).
        impossible: shape (n, k), true where an answer is none that the form has; every score
            that needs it is missing.
    """

    values: Mapping[str, Floats]
    missing: Mapping[str, Ints]
    impossible: Bools


def score(form: Form, answers: pd.DataFrame, rule: MissingRule, *, recoded: bool = False) -> Scores:
    """Score a questionnaire.

    Args:
        form: with the key of its parts.
        answers: one column an item in the questionnaire's order, shape (n, k); numbers, NaN for a
            missing answer.
        rule: what becomes of a part with missing answers.
        recoded: whether reversed items are reversed in ``answers`` already.

    Raises:
        ValueError: the number of columns is not the number of items, or the form has no key.
    """
    if answers.shape[1] != form.n_items:
        raise ValueError(f"{answers.shape[1]} columns for {form.n_items} items")
    if not form.keyed:
        raise ValueError("it is not known which items the parts of this form sum")
    given = answers.to_numpy(dtype=np.float64, na_value=np.nan)
    low, high = np.array(form.ranges, dtype=np.float64).T
    absent = np.isnan(given)
    possible = (given >= low) & (given <= high) & (given == np.rint(given))
    points = np.where(possible, given, np.nan)
    if not recoded and form.reversed:
        turned = np.array(form.reversed) - 1
        points[:, turned] = (low + high)[turned] - points[:, turned]
    impossible = ~absent & ~possible
    values: dict[str, Floats] = {}
    missing: dict[str, Ints] = {}
    for part in form.parts:
        at = np.array(part.items) - 1
        values[part.name] = _sum(part, points[:, at], rule)
        values[part.name][impossible[:, at].any(axis=1)] = np.nan
        missing[part.name] = absent[:, at].sum(axis=1)
    parts = tuple(values)
    if form.total:
        values["total"] = _added([values[name] for name in parts])
    if form.case:
        values["case"] = _case(form, values)
    for name in values.keys() - missing.keys():
        missing[name] = absent.sum(axis=1)
    return Scores(values, missing, impossible)


def least_answers(size: int, rule: MissingRule) -> int:
    """How many of a part's items must be answered for it to have a score."""
    match rule:
        case "refuse":
            return size
        case "half":
            return (size + 1) // 2
        case "one":
            return max(size - 1, 1)
        case "prorate" | "zero":
            return 1


def _sum(part: Part, points: Floats, rule: MissingRule) -> Floats:
    """Sum of the answers, prorated by sum * size / answered: a quotient of whole numbers.

    Numerator and denominator are exact, so that a complete part has the very double that
    sum / divisor has.
    """
    answered = (~np.isnan(points)).sum(axis=1)
    total = np.nansum(points, axis=1)
    counted = np.full(len(points), part.size) if rule == "zero" else answered
    enough = answered >= least_answers(part.size, rule)
    out = np.full(len(points), np.nan)
    np.divide(total * part.size, counted * float(part.divisor), out=out, where=enough)
    return out


def _added(parts: list[Floats]) -> Floats:
    """Left to right, as a person adds; NaN where a part is."""
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total


def _case(form: Form, values: Mapping[str, Floats]) -> Floats:
    known = np.logical_and.reduce([~np.isnan(values[part.name]) for part in form.parts])
    inside = [
        np.logical_and.reduce([(values[p] >= low) & (values[p] <= high) for p, low, high in box])
        for box in form.case
    ]
    return np.where(known, np.logical_or.reduce(inside), np.nan).astype(np.float64)


def disagreeing(stored: Floats, recomputed: Floats, decimals: int | None = None) -> Bools:
    """Where a stored score is not the recomputed one, shape (n,).

    A score on one side and none on the other is a disagreement; none on both is not.

    Args:
        stored: as the file has it, shape (n,).
        recomputed: from the answers, shape (n,).
        decimals: to how many the file's scores are rounded; None if they are not.
    """
    rounding = 0.0 if decimals is None else 0.5 * 10.0**-decimals
    slack = rounding + SAME * np.maximum(1.0, np.abs(recomputed))
    one_side = np.isnan(stored) != np.isnan(recomputed)
    return np.asarray(one_side | (np.abs(stored - recomputed) > slack), dtype=bool)
