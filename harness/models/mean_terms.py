"""Names of marginal means and of their contrasts, and which means a contrast is of.

``arm=MBSR, time=post``; ``MBSR - TAU | time=post``; ``(MBSR - TAU) x (post - pre)``. The R side
(``r_reference/besides.R``) spells them alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from harness.language.formula import Formula
from harness.language.nodes import names_in
from harness.models.besides import Besides, DesignColumn, Probe

Cell = tuple[int, int]
"""Positions of the arm's and the time's level; 0 for the one that is not asked for."""

_SPECIAL = re.compile(r'["\\,=|()]|^ | \Z|(^| )[-x]( |\Z)')


@dataclass(frozen=True, slots=True)
class CellContrast:
    """A contrast of means.

    Attributes:
        term: its name.
        signs: coefficient of each mean that takes part.
        within: whether it is one arm's own change, no comparison of arms.
    """

    term: str
    signs: dict[Cell, float]
    within: bool = False


def spelt(text: str) -> str:
    """A name or a level as terms have it: in quotes where its characters mean something there."""
    if text and not _SPECIAL.search(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def cells(besides: Besides) -> list[Cell]:
    """Every combination of levels, the arm varying fastest."""
    return [(a, t) for t in _places(besides.time) for a in _places(besides.arm)]


def mean_term(besides: Besides, cell: Cell) -> str:
    """Name of the mean of a cell: ``arm=MBSR, time=post``."""
    parts = zip((besides.arm, besides.time), cell, strict=True)
    return ", ".join(
        f"{spelt(column.column)}={spelt(column.levels[place])}"
        for column, place in parts
        if column is not None
    )


def cell_contrasts(besides: Besides, formula: Formula) -> list[CellContrast]:
    """The contrasts that are asked for.

    Each pair of arms, at each time; where a term of the formula has both, the difference between
    the changes since the first time, too, and below these, where changes are asked for, each arm's
    own. Without an arm each time less the first.
    """
    arm, time = besides.arm, besides.time
    if arm is None:
        if time is None:
            return []
        return [
            CellContrast(_less(time, t), {(0, t): 1.0, (0, 0): -1.0}) for t in _places(time)[1:]
        ]
    found = []
    for t in _places(time):
        where = f" | {spelt(time.column)}={spelt(time.levels[t])}" if time is not None else ""
        for a, b in besides.pairs:
            found.append(CellContrast(_less(arm, a, b) + where, {(a, t): 1.0, (b, t): -1.0}))
    if time is not None and together(formula, arm.column, time.column):
        for t in _places(time)[1:]:
            for a, b in besides.pairs:
                signs = {(a, t): 1.0, (b, t): -1.0, (a, 0): -1.0, (b, 0): 1.0}
                found.append(CellContrast(f"({_less(arm, a, b)}) x ({_less(time, t)})", signs))
            if "changes" in besides.parts:
                found += _own_changes(besides, arm, time, t)
    return found


def _own_changes(
    besides: Besides, arm: DesignColumn, time: DesignColumn, t: int
) -> Iterator[CellContrast]:
    """The changes since the first time of the arms that are compared: ``post - pre | arm=TAU``."""
    for a in sorted({a for pair in besides.pairs for a in pair}):
        term = f"{_less(time, t)} | {spelt(arm.column)}={spelt(arm.levels[a])}"
        yield CellContrast(term, {(a, t): 1.0, (a, 0): -1.0}, within=True)


@dataclass(frozen=True, slots=True)
class ModeratedEffect:
    """An effect that a moderator may change.

    Attributes:
        name: ``(MBSR - TAU) x (post - pre)``, or ``MBSR - TAU``.
        pairs: (level, reference) by column.
    """

    name: str
    pairs: dict[str, tuple[str | float, str | float]]

    def at(self, moderator: str, value: str) -> str:
        """Term of the simple slope at a value of the moderator."""
        return f"{self.name} | {spelt(moderator)}={value}"

    def bound(self, probe: Probe, topology: str, end: str = "", *, observed: bool = True) -> str:
        """Term of a bound of the region; without an end, of a region that has none.

        Args:
            probe: how it is probed.
            topology: the region's shape.
            end: which bound.
            observed: whether it lies among the moderator's values.
        """
        parts = [f"{self.name} by {spelt(probe.moderator)}", *((probe.control,) * probe.controlled)]
        parts += [topology, end] if end else [topology]
        return f"jn({', '.join(parts)}{'' if observed else ', extrapolated'})"


def moderated_effects(besides: Besides, formula: Formula) -> list[ModeratedEffect]:
    """The effects that are probed: each pair of arms, in the change since the first time.

    Where no term of the formula has arm, time and moderator, each pair of arms.
    """
    arm, time, probe = besides.arm, besides.time, besides.probe
    if arm is None or probe is None:
        return []
    if time is None or not together(formula, arm.column, time.column, probe.moderator):
        return [
            ModeratedEffect(_less(arm, a, b), {arm.column: _pair(arm, a, b)})
            for a, b in besides.pairs
        ]
    return [
        ModeratedEffect(
            f"({_less(arm, a, b)}) x ({_less(time, t)})",
            {arm.column: _pair(arm, a, b), time.column: _pair(time, t)},
        )
        for t in _places(time)[1:]
        for a, b in besides.pairs
    ]


def _pair(column: DesignColumn, place: int, base: int = 0) -> tuple[str | float, str | float]:
    return column.levels[place], column.levels[base]


def together(formula: Formula, *columns: str) -> bool:
    """Whether a fixed-effect term has all of the columns; without one, changes do not differ."""
    return any(set(columns) <= set(_columns(term.factors)) for term in formula.terms)


def foremost_term(formula: Formula, column: str) -> int | None:
    """Place among the terms of the last of the highest order that have a column; None for none.

    In a trial it is the term that the comparison of the arms stands on.
    """
    having = [k for k, term in enumerate(formula.terms) if column in _columns(term.factors)]
    return max(having, key=lambda k: (len(formula.terms[k].factors), k), default=None)


def left_out_term(name: str, end: str) -> str:
    """Name of an end, ``lowest`` or ``highest``, of a coefficient without each patient."""
    return f"leave-one-out({name}), {end}"


def in_fixed_part(formula: Formula, column: str) -> bool:
    """Whether a fixed-effect term has a column."""
    return any(column in _columns(term.factors) for term in formula.terms)


def _columns(factors: tuple[object, ...]) -> list[str]:
    return [name for node in factors for name in names_in(node)]  # type: ignore[arg-type]


def _places(column: DesignColumn | None) -> range:
    return range(1 if column is None else len(column.levels))


def _less(column: DesignColumn, place: int, base: int = 0) -> str:
    return f"{spelt(column.levels[place])} - {spelt(column.levels[base])}"
