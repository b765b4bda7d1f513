"""One analysis over several sets as people and machines read it: information beside the table."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from harness.compare.across_sets import AcrossSets, InSet, pairs
from harness.compare.verdict import Verdict
from harness.report.figures import exact_figure, figure, p_figure
from harness.report.views import Line
from harness.spreadsheet import defuse

ACROSS_TITLE = "Across analysis sets"
ACROSS_HEADER = (
    *("model", "term", "set", "estimate", "95 % interval", "p"),
    *("from the first set, in its SE", "decision"),
)
MOST_NAMED = 3

SETS_COLUMNS = (
    *("analysis", "outcome", "moderator", "model", "term", "quantity", "set", "first_set"),
    *("estimate", "std_error", "conf_low", "conf_high", "p_value", "decision"),
    *("apart_in_se", "another_decision", "note"),
)
_NUMBERS = ("estimate", "std_error", "conf_low", "conf_high", "p_value")


def across_sentence(results: Sequence[AcrossSets]) -> str:
    """What came of it in one line; empty for a run on one set."""
    said = []
    for (first, other), found in pairs(results):
        compared = [item for item in found if item[1].another is not None]
        others = [item for item in compared if item[1].another]
        left = len(found) - len(compared)
        tail = f", {left} not compared" if left else ""
        if not others:
            said.append(
                f"{_counted(compared)} {'leads' if len(compared) == 1 else 'lead'} to the same "
                f"decision in {other} as in {first}{tail}"
            )
            continue
        others.sort(key=lambda item: item[0].quantity != "estimate")
        named = [f"{one.place} {one.term}" for one, _ in others]
        more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
        said.append(
            f"{_counted(others, compared)} {'leads' if len(others) == 1 else 'lead'} to another "
            f"decision in {other} than in {first}: {', '.join(named[:MOST_NAMED])}{more}{tail}"
        )
    return f"across sets: {'; '.join(said)}; information" if said else ""


def across_lines(results: Sequence[AcrossSets]) -> list[Line]:
    """A line for each result in each set; those with another decision first."""
    ordered = sorted(results, key=lambda one: not any(found.another for found in one.sets))
    return [
        Line(_cells(one, found, at=place), Verdict.MATCH)
        for one in ordered
        for place, found in enumerate(one.sets)
    ]


def sets_csv(results: Sequence[AcrossSets]) -> str:
    """The results as CSV, a row a set: full precision, no cell that a spreadsheet would run."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(SETS_COLUMNS)
    for one in results:
        model = (one.analysis, one.outcome, one.moderator, one.model, one.term, one.quantity)
        for found in one.sets:
            cells = [defuse(cell, label=True) for cell in (*model, found.set, one.sets[0].set)]
            cells += [exact_figure(getattr(found, name)) for name in _NUMBERS]
            cells += [found.decision, exact_figure(found.apart), exact_figure(found.another)]
            writer.writerow([*cells, defuse(found.note, label=True)])
    return buffer.getvalue()


def _cells(one: AcrossSets, found: InSet, *, at: int) -> tuple[str, ...]:
    low, high = figure(found.conf_low, 4), figure(found.conf_high, 4)
    decision = f"not compared: {found.note}" if found.note else found.decision
    if found.another:
        decision = f"another: {found.decision}, not {one.sets[0].decision}"
    return (
        *(("", "") if at else (one.place, one.term)),
        found.set,
        figure(found.estimate),
        f"{low} to {high}" if low else "",
        p_figure(found.p_value),
        "" if found.apart is None else f"{found.apart:+.2f}",
        decision,
    )


def _counted(
    found: Sequence[tuple[AcrossSets, InSet]], of: Sequence[tuple[AcrossSets, InSet]] = ()
) -> str:
    """``2 of 22 coefficients and 3 of 45 contrasts``."""
    parts = []
    for quantity, name in (("estimate", "coefficient"), ("contrast", "contrast")):
        count, whole = (sum(one.quantity == quantity for one, _ in some) for some in (found, of))
        if of and not whole:
            continue
        plural = "" if (whole or count) == 1 else "s"
        if of:
            parts.append(f"{count} of {whole} {name}{plural}")
        elif count:
            parts.append(f"{count} {name}{plural}")
    return " and ".join(parts) or "no results"
