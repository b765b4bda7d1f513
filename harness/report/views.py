"""The diff table as people read it: a line a model, a line a coefficient, a line a number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.compare.rows import DiffRow
from harness.compare.verdict import Verdict
from harness.report.figures import difference, figure, p_figure, share

Rows = Sequence[DiffRow]

# Gravest first: the verdict of a line is the gravest of its numbers.
GRAVITY = (
    Verdict.DIFFERENT_MODEL,
    Verdict.NOT_COMPUTED,
    Verdict.PYTHON_ONLY,
    Verdict.R_ONLY,
    Verdict.DECISION_FLIPS,
    Verdict.DIFFERS,
    Verdict.REFERENCE_NOT_CLEAN,
    Verdict.BOUNDARY,
    Verdict.MATCH,
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table of text cells, with the verdict that colours it."""

    cells: tuple[str, ...]
    verdict: Verdict


MODEL_HEADER = (
    "analysis",
    "set",
    "outcome",
    "rows",
    "groups",
    "numbers",
    "match",
    "boundary",
    "red",
    "worst, of limit",
    "verdict",
)


def model_line(rows: Rows) -> Line:
    """A model in one line: its size, how its numbers fared, the one nearest to its limit."""
    first = rows[0]
    outcome = f"{first.outcome} by {first.moderator}" if first.moderator else first.outcome
    red = sum(row.red for row in rows)
    match = sum(row.verdict is Verdict.MATCH for row in rows)
    verdict = gravest(rows)
    cells = (
        first.analysis,
        first.set,
        outcome,
        _value(rows, "n_obs"),
        ", ".join(_counted(row) for row in rows if row.quantity == "n_groups"),
        str(len(rows)),
        str(match),
        str(len(rows) - red - match),
        str(red),
        nearest(rows),
        str(verdict),
    )
    return Line(cells, verdict)


def model_lines(models: Sequence[Rows]) -> list[Line]:
    """A line a model, but one for all the moderators of an outcome whose every number matches.

    A grid of outcomes and moderators has hundreds of models; what a reader of it looks for is the
    line that is not like the others.
    """
    shared: dict[tuple[str, ...], list[Rows]] = {}
    for rows in models:
        first = rows[0]
        alone = not first.moderator or gravest(rows) is not Verdict.MATCH
        own = (first.moderator, first.model) if alone else ()
        shared.setdefault((first.analysis, first.set, first.outcome, *own), []).append(rows)
    return [_shared_line(of) if len(of) > 1 else model_line(of[0]) for of in shared.values()]


def _shared_line(models: Sequence[Rows]) -> Line:
    first = models[0][0]
    every = [model_line(rows).cells for rows in models]
    total = sum(len(rows) for rows in models)
    cells = (
        first.analysis,
        first.set,
        f"{first.outcome} by {len(models)} moderators",
        *(", ".join(dict.fromkeys(cells[at] for cells in every)) for at in (3, 4)),
        str(total),
        str(total),
        "0",
        "0",
        nearest([row for rows in models for row in rows]),
        str(Verdict.MATCH),
    )
    return Line(cells, Verdict.MATCH)


COEFFICIENT_HEADER = (
    "term",
    "Python",
    "R",
    "difference",
    "p (Python)",
    "p (R)",
    "worst, of limit",
    "verdict",
)


_OBSERVED = ("smd", "responders", "risk_difference")
_FOLLOWING = ("emmean", "contrast", "f_value", "slope", "jn_low", "jn_high", *_OBSERVED)
_MAIN = ("estimate", "sd", "cor", "sigma", *_FOLLOWING)
"""The number that stands for its term."""
_P_VALUES = ("p_value", "fisher_p")
_BESIDE = {"d": ("d", "d_low", "d_high"), "nnt": ("nnt", "nnt_low", "nnt_high")}
"""Numbers of a term that have a line of their own, below it."""
_REPEATED = ("HC3(", "CR2(", "leave-one-out(")
"""How terms begin that are a coefficient once more."""


_P = COEFFICIENT_HEADER.index("p (R)") + 1
ADJUSTED_HEADER = (
    *COEFFICIENT_HEADER[:_P],
    *("adj. p (Python)", "adj. p (R)"),
    *COEFFICIENT_HEADER[_P:],
)
"""Of a model some of whose p values are adjusted for the number of tests in their family."""


def coefficient_table(rows: Rows) -> tuple[tuple[str, ...], list[Line]]:
    """Header and lines of a model's terms; with adjusted p values where it has any."""
    adjusted = {row.term: row for row in rows if row.quantity == "p_adjusted" and row.tier == "T2"}
    lines = coefficient_lines(rows)
    if not any(line.cells[0] in adjusted for line in lines):
        return COEFFICIENT_HEADER, lines
    wider = []
    for line in lines:
        row = adjusted.get(line.cells[0])
        shown = ("", "") if row is None else (p_figure(row.python), p_figure(row.r))
        wider.append(Line((*line.cells[:_P], *shown, *line.cells[_P:]), line.verdict))
    return ADJUSTED_HEADER, wider


def coefficient_lines(rows: Rows) -> list[Line]:
    """A model's coefficients, variance components and criterion, a line a term; then what follows.

    A line's verdict and its last number stand for every number of the term: estimate, standard
    error, df, statistic, p value and both interval bounds. Means, contrasts and tests of terms
    have a line each, and a contrast a second one where it is given as an effect size, a difference
    of risks one of its number needed to treat.
    """
    lines: list[Line] = []
    following: list[Line] = []
    by_term: dict[str, list[DiffRow]] = {}
    for row in rows:
        if row.term:
            by_term.setdefault(row.term, []).append(row)
    for term, of_term in by_term.items():
        beside = {
            name: [row for row in of_term if row.quantity in quantities]
            for name, quantities in _BESIDE.items()
        }
        own = [row for row in of_term if not any(row in rows for rows in beside.values())]
        main = next((r for r in own if r.quantity in _MAIN), None)
        if main is not None:
            p = next((r for r in own if r.quantity in _P_VALUES), None)
            follows = main.quantity in _FOLLOWING or term.startswith(_REPEATED)
            listed = following if follows else lines
            listed.append(_line(term, main, p, own))
        for name, given in beside.items():
            if given:
                following.append(_line(f"{name} of {term}", given[0], None, given))
    whole = [row for row in rows if not row.term and row.quantity]
    at_one_theta = False
    for row in whole:
        if row.quantity == "criterion" and row.tier == "T2":
            lines.append(_line("criterion", row, None, [row]))
        elif row.quantity == "criterion" and (row.red or not at_one_theta):
            # The first is at R's theta; where that agrees, the others are shown if they do not.
            name = "criterion at another theta" if at_one_theta else "criterion at R's theta"
            lines.append(_line(name, row, None, [row]))
            at_one_theta = True
        elif row.red and row.delta is not None:
            lines.append(_line(row.quantity, row, None, [row]))
    for row in rows:
        if row.quantity == "n_groups" and row.red and row.delta is not None:
            lines.append(_line(f"groups of {row.term}", row, None, [row]))
    return lines + following


NUMBER_HEADER = (
    "term",
    "quantity",
    "Python",
    "R",
    "difference",
    "limit",
    "tier",
    "verdict",
    "note",
)


def number_line(row: DiffRow) -> Line:
    """A number in one line."""
    show = p_figure if row.quantity in (*_P_VALUES, "p_adjusted") else figure
    note = "; ".join(part for part in (row.cause, row.note) if part)
    cells = (
        row.term,
        row.quantity,
        show(row.python),
        show(row.r),
        difference(row),
        "" if row.limit is None else f"{row.limit:.2g}",
        row.tier,
        str(row.verdict),
        note,
    )
    return Line(cells, row.verdict)


def gravest(rows: Rows) -> Verdict:
    """The gravest verdict among rows."""
    return min((row.verdict for row in rows), key=GRAVITY.index)


def nearest(rows: Rows) -> str:
    """The number that comes nearest to its limit, and how near: ``3.1 % (df of week)``."""
    measured = [r for r in rows if not math.isnan(r.share) and r.verdict is not Verdict.BOUNDARY]
    row = max(measured, key=lambda r: r.share, default=None)
    if row is None:
        return ""
    if row.share == 0:
        return "0 %"
    what = f"{row.quantity} of {row.term}" if row.term else row.quantity
    # The same number stands in the table at either theta: say which one is meant.
    return f"{share(row)} ({what}{', at one theta' if row.tier == 'T1' else ''})"


def _line(name: str, main: DiffRow, p: DiffRow | None, rows: Rows) -> Line:
    measured = [r for r in rows if not math.isnan(r.share) and r.verdict is not Verdict.BOUNDARY]
    worst = max(measured, key=lambda r: r.share, default=None)
    near = share(worst)
    if worst is not None and worst.share > 0 and len(rows) > 1:
        near = f"{near} {worst.quantity}"
    verdict = gravest(rows)
    cells = (
        name,
        figure(main.python),
        figure(main.r),
        difference(main),
        p_figure(p.python) if p else "",
        p_figure(p.r) if p else "",
        near,
        str(verdict),
    )
    return Line(cells, verdict)


def _value(rows: Rows, quantity: str) -> str:
    for row in rows:
        if row.quantity == quantity:
            return _same_or_both(row)
    return ""


def _counted(row: DiffRow) -> str:
    return f"{row.term} {_same_or_both(row)}"


def _same_or_both(row: DiffRow) -> str:
    left, right = figure(row.python), figure(row.r)
    return left if left == right or not right else right if not left else f"{left} | {right}"
