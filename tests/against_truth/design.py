"""A design of the package as exact numbers; it is held to R's elsewhere, bit for bit."""

from __future__ import annotations

import numpy as np
from exact import Group, Model
from mpmath import mp

from harness.models.design import Design


def exact_model(design: Design) -> Model:
    """Groups and places of a design: group by group for one factor, in one piece for several."""
    terms = [(term.group, list(term.columns)) for term in design.random]
    codes = {grouping.label: grouping.codes for grouping in design.groupings}
    if len(codes) == 1:
        (of_row,) = codes.values()
        columns = np.column_stack([column for _, part in terms for column in part])
        pieces = [of_row == g for g in range(int(of_row.max()) + 1)]
        Z = [columns[rows] for rows in pieces]
        repeats = [1] * len(terms)
    else:
        blocks = []
        for label, part in terms:
            indicator = np.eye(int(codes[label].max()) + 1)[codes[label]]
            spread = indicator[:, :, None] * np.column_stack(part)[:, None, :]
            blocks.append(spread.reshape(len(indicator), -1))
        pieces, Z = [np.full(len(design.y), True)], [np.concatenate(blocks, axis=1)]
        repeats = [int(codes[label].max()) + 1 for label, _ in terms]
    groups = [
        Group(
            mp.matrix(design.X[rows].tolist()),
            mp.matrix(columns.tolist()),
            mp.matrix(design.y[rows].tolist()),
        )
        for rows, columns in zip(pieces, Z, strict=True)
    ]
    places = []
    offset = 0
    for (_, part), repeat in zip(terms, repeats, strict=True):
        size = len(part)
        places += [
            [(offset + k * size + i, offset + k * size + j) for k in range(repeat)]
            for j in range(size)
            for i in range(j, size)
        ]
        offset += size * repeat
    return Model(groups, places, design.spec.reml)
