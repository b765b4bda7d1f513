"""What models with one fixed part on the same rows have in common, worked out once.

A grid of moderations fits the same fixed effects to many outcomes. The reference grid and the
contrasts of an effect follow from the fixed part alone, whatever the outcome; comparing that part
byte for byte is far cheaper than working them out.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

from harness.language.nodes import Name
from harness.models.design import Design
from harness.models.frame import layout_of
from harness.models.variables import Factor, Variable

MOST_ENTRIES = 20_000
"""Largest model matrix that is compared; 160 kB."""
MOST_KEPT = 64
"""Results kept: with their keys at most a few tens of megabytes."""

T = TypeVar("T")

_kept: dict[Hashable, object] = {}


def once(design: Design, what: Hashable, make: Callable[[], T]) -> T:
    """What was made of the same fixed part on the same rows before, or what is made now.

    Args:
        design: of the fit.
        what: which result, with everything it depends on besides the fixed part.
        make: makes it; an error is not kept. The result must not be changed by anybody.
    """
    part = fixed_part(design)
    if part is None:
        return make()
    key = (what, part)
    try:
        return _kept[key]  # type: ignore[return-value]
    except KeyError:
        pass
    made = make()
    if len(_kept) >= MOST_KEPT:
        _kept.clear()
    _kept[key] = made
    return made


def fixed_part(design: Design) -> Hashable | None:
    """The fixed effects on the rows used, by value; None for a large matrix, or one with calls.

    The formula's terms, names and values of every column, levels and coding of every factor: what
    a grid, its weights and what is estimable are functions of.
    """
    layout = layout_of(design.spec.formula)
    nodes = dict(layout.variables)
    labels = tuple(dict.fromkeys(label for term in layout.fixed for label in term))
    if design.X.size > MOST_ENTRIES or not all(isinstance(nodes[each], Name) for each in labels):
        return None
    return (
        layout.fixed,
        design.spec.formula.intercept,
        design.names,
        design.dropped,
        design.X.tobytes(order="A"),
        tuple(_by_value(design.frame.variables[label]) for label in labels),
    )


def _by_value(variable: Variable) -> Hashable:
    if isinstance(variable, Factor):
        return (tuple(variable.levels), repr(variable.coding), variable.codes.tobytes())
    return (variable.suffixes, *(column.tobytes() for column in variable.columns))
