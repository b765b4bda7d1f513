"""Random-effects columns and groups of a fitted model at new values of its variables."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.errors import DataError
from harness.language.nodes import Name, names_in
from harness.models.design import Design, RandomDesign, by_levels
from harness.models.frame import layout_of
from harness.models.new_rows import columns_at, new_variables
from harness.models.variables import Factor, evaluate_variable, level_text

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NewGroups:
    """One grouping factor's part of new rows.

    Attributes:
        z: (k, q) columns of all its terms, in the order of the fit.
        codes: (k,) group of each row among the levels of the fit, -1 for another.
        unknown: texts of the levels the fit does not have.
    """

    z: Matrix
    codes: npt.NDArray[np.intp]
    unknown: tuple[str, ...]


def columns_needed(design: Design, factors: Collection[str]) -> tuple[str, ...]:
    """Data columns of the fixed effects, the offset and some grouping factors with their terms."""
    spec = design.spec
    layout = layout_of(spec.formula)
    nodes = dict(layout.variables)
    labels = [label for term in layout.fixed for label in term]
    for group, _, terms in layout.random:
        if group in factors:
            labels += [label for term in terms for label in term]
    found = [name for label in labels for name in names_in(nodes[label])]
    found += [name for node in spec.formula.offsets for name in names_in(node)]
    found += [spec.offset] if spec.offset else []
    found += [name for group, names in layout.groups if group in factors for name in names]
    return tuple(dict.fromkeys(found))


def new_groups(design: Design, new: pd.DataFrame, factors: Collection[str]) -> dict[str, NewGroups]:
    """Random-effects columns and groups of some grouping factors at new values.

    Args:
        design: of the fit.
        new: (k) rows without missing values in the columns needed.
        factors: labels of the grouping factors.

    Raises:
        DataError: a column is absent.
        ModelError: as :func:`harness.models.new_rows.new_rows`.
    """
    layout = layout_of(design.spec.formula)
    groups = dict(layout.groups)
    random = []
    for group, intercept, terms in layout.random:
        used = terms if group in factors else ()
        variables = new_variables(design, new, (label for term in used for label in term))
        names, full = columns_at(design, used, intercept, variables, len(new))
        random.append(RandomDesign(group, names, tuple(full.T)))
    if len(design.groupings) > 1:
        random, _ = by_levels(random, design.groupings)
    found = {}
    for grouping in design.groupings:
        if grouping.label not in factors:
            continue
        columns = [c for term in random if term.group == grouping.label for c in term.columns]
        texts = _texts(new, groups[grouping.label])
        position = {level_text(level): k for k, level in enumerate(grouping.levels)}
        codes = np.array([position.get(text, -1) for text in texts], dtype=np.intp)
        unknown = dict.fromkeys(text for text in texts if text not in position)
        found[grouping.label] = NewGroups(np.column_stack(columns), codes, tuple(unknown))
    return found


def _texts(new: pd.DataFrame, names: tuple[str, ...]) -> list[str]:
    """Levels of a grouping factor, read and spelt as the fit reads and spells them."""
    parts = []
    for name in names:
        if name not in new:
            raise DataError(f"new values: no column `{name}`, which the random effects need")
        variable = evaluate_variable(Name(name), new)
        if isinstance(variable, Factor):
            codes, values = variable.codes, variable.levels
        else:
            codes, levels = pd.factorize(variable.columns[0])
            values = pd.Index(levels)
        spelt = [level_text(value) for value in values]
        parts.append([spelt[code] for code in codes])
    return [":".join(row) for row in zip(*parts, strict=True)]
