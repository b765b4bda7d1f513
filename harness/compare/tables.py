"""Two files of numbers joined by what both name: models, engines, terms, quantities."""

from __future__ import annotations

from collections.abc import Iterator

from harness.compare.keyed import compare_numbers
from harness.compare.policy import Policy
from harness.compare.rows import DiffRow
from harness.compare.table import DiffTable, Unasked
from harness.errors import DataError
from harness.estimates.columns import KEYS
from harness.estimates.numbers import ModelNumbers, NumberFile
from harness.models.spec import ModelKey

_NOTHING = ModelNumbers(ModelKey("", "", ""), "", {})
"""A side that does not have the model."""


def join_tables(left: NumberFile, right: NumberFile, policy: Policy) -> DiffTable:
    """The diff table of two files of which at least one is a table.

    Models are joined by the parts of their name that both files give; engines by name, or each
    with the only one of the other file. A quantity of which one file has no number at all is
    told in ``unasked``; a number that is missing among others of its quantity is a row.

    Raises:
        DataError: it cannot be told what to compare with what.
    """
    # A file in which every engine refused speaks of whatever the other does: its rows say why.
    ours, theirs = left.quantities or right.quantities, right.quantities or left.quantities
    spoken = ours & theirs
    rows = tuple(row for model in _models(left, right, spoken, policy) for row in model)
    unasked = tuple(
        Unasked(side, quantity, _count(file, quantity))
        for side, file in (("python", left), ("r", right))
        for quantity in sorted(file.quantities - spoken)
    )
    if not spoken:
        raise DataError(
            f"{left.path} and {right.path} have no quantity in common: "
            f"{_listed(left.quantities)} and {_listed(right.quantities)}"
        )
    return DiffTable(rows, unasked)


def _models(
    left: NumberFile, right: NumberFile, spoken: frozenset[str], policy: Policy
) -> Iterator[tuple[DiffRow, ...]]:
    common = tuple(name for name in KEYS if name in left.keys and name in right.keys)
    pairs = _engines(left, right)
    sides = [_by_name(left, common, right), _by_name(right, common, left)]
    for name in dict.fromkeys(place for side in sides for place, _ in side):
        for one, other in pairs:
            python, r = sides[0].get((name, one)), sides[1].get((name, other))
            if python is None and r is None:
                continue
            key = _both_keys([model.key for model in (python, r) if model is not None])
            formula = next((m.formula for m in (python, r) if m is not None and m.formula), "")
            yield compare_numbers(
                key,
                python or _NOTHING,
                r or _NOTHING,
                spoken=spoken,
                policy=policy,
                label=f"{formula} [{one or other}]".strip() if len(pairs) > 1 else formula,
            )


def _engines(left: NumberFile, right: NumberFile) -> list[tuple[str, str]]:
    ours, theirs = left.engines, right.engines
    if sorted(ours) == sorted(theirs):
        return [(name, name) for name in ours]
    if len(ours) == 1 or len(theirs) == 1:
        return [(one, other) for one in ours for other in theirs]
    raise DataError(
        f"{left.path} holds {', '.join(ours)} and {right.path} {', '.join(theirs)}: "
        "the files must hold the same engines, or one of them a single one"
    )


def _by_name(
    file: NumberFile, common: tuple[str, ...], other: NumberFile
) -> dict[tuple[tuple[str, ...], str], ModelNumbers]:
    """The models of a file by the parts of their name that both files give, and engine."""
    found: dict[tuple[tuple[str, ...], str], ModelNumbers] = {}
    for model in file.models:
        name = (tuple(getattr(model.key, part) for part in common), model.engine)
        if name in found:
            first, second = found[name].key, model.key
            missing = [part for part in KEYS if getattr(first, part) != getattr(second, part)]
            raise DataError(
                f"{file.path} holds several models and {other.path} does not say which of them "
                f"it is about: give it a column `{missing[0]}`"
            )
        found[name] = model
    return found


def _both_keys(keys: list[ModelKey]) -> ModelKey:
    """The model's name by all that either file says of it, the left one first."""
    parts = {part: next(filter(None, (getattr(key, part) for key in keys)), "") for part in KEYS}
    return ModelKey(**parts)


def _count(file: NumberFile, quantity: str) -> int:
    return sum(name[1] == quantity for model in file.models for name in model.numbers)


def _listed(quantities: frozenset[str]) -> str:
    return ", ".join(sorted(quantities))
