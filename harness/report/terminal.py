"""The diff table on a terminal: what a data editor needs first, everything with ``full``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from harness.compare.rows import DiffRow
from harness.compare.table import DiffTable
from harness.compare.verdict import Verdict
from harness.plain import plain
from harness.report.across import across_sentence
from harness.report.content import RunRecord
from harness.report.defaults import defaults_sentence
from harness.report.failure import counts_line, failure_lines
from harness.report.flow import flow_notes, flow_sentence
from harness.report.views import (
    MODEL_HEADER,
    NUMBER_HEADER,
    Line,
    coefficient_table,
    model_line,
    model_lines,
    number_line,
)

_RED, _YELLOW, _GREEN, _BOLD, _END = "\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[1m", "\x1b[0m"
MOST_RED_MODELS = 6
LONGEST_DEFINITION = 480
"""Characters of a definition that a terminal shows."""


def render_run(record: RunRecord, *, full: bool = False, colour: bool | None = None) -> str:
    """A run as text: gate, sets, diff table, verdict last, where the eye is.

    Args:
        record: the run.
        full: every number instead of a line a coefficient.
        colour: ANSI colours; None for yes on a terminal, or where ``FORCE_COLOR``
            is set, unless ``NO_COLOR`` is.
    """
    paint = _painter(colour)
    lines = [paint(plain(f"{record.title} ({record.study})"), _BOLD)]
    if record.banner:
        lines.append(paint(record.banner, _YELLOW))
    if record.gate is not None:
        lines.append(f"gate: {record.gate.verdict}, {len(record.gate.rules)} rules")
    lines += [plain(score.sentence) for score in record.scores]
    patients = record.flow
    by_arm: dict[str, str] = {}
    if patients is not None:
        lines.append(plain(flow_sentence(patients)))
        by_arm = {one.name: f" ({patients.of_randomised(one.patients)})" for one in patients.sets}
    for flow in record.sets:
        undecided = f", {flow.undecided} rows undecided" if flow.undecided else ""
        said = f"set {flow.name}: {flow.n_ids} patients, {flow.n_rows} rows{undecided}"
        lines.append(plain(said + by_arm.get(flow.name, "")))
    lines += [plain(note) for note in flow_notes(patients)] if patients is not None else []
    lines.append(plain(f"reference: {record.reference}"))
    lines += [_cut(plain(line)) for line in (*record.definitions, *record.families)]
    if record.part:
        lines.append(paint(plain(f"part of the plan: {record.part}"), _YELLOW))
    if not record.diff.rows:
        lines += ["", paint("Nothing was fitted.", _RED)]
        return "\n".join(lines)
    told = [sentence] if (sentence := across_sentence(record.across)) else []
    shown = render_diff(record.diff, full=full, colour=colour, command=record.command, remarks=told)
    lines += ["", shown]
    if record.banner:
        lines.append(paint(record.banner, _YELLOW))
    return "\n".join(lines)


def render_diff(
    table: DiffTable,
    *,
    full: bool = False,
    colour: bool | None = None,
    command: str = "",
    remarks: Sequence[str] = (),
) -> str:
    """A diff table as text.

    By default: of each analysis the first model and every model with a red number, a line a
    coefficient; then a line a model, or one for an outcome's moderators that all match; then the
    red numbers in words; then the counts.

    Args:
        table: the table.
        full: every number of every model instead.
        colour: ANSI colours; None for yes on a terminal, or where ``FORCE_COLOR``
            is set, unless ``NO_COLOR`` is.
        command: what reproduces a run, for the lines of red numbers.
        remarks: further information, a line each, above the counts.
    """
    paint = _painter(colour)
    parts: list[str] = []
    models = table.models
    shown = list(models) if full else chosen(table)
    for rows in shown:
        parts.append(_heading(rows, paint))
        if full:
            ordered = sorted(rows, key=lambda row: not row.red)
            parts.append(_table(NUMBER_HEADER, [number_line(row) for row in ordered], paint))
        else:
            header, lines = coefficient_table(rows)
            if lines:
                parts.append(_table(header, lines, paint))
        parts.append("")
    if len(models) > 1:
        every = [model_line(rows) for rows in models] if full else model_lines(models)
        lines = sorted(every, key=lambda line: not line.verdict.red)
        parts += [_table(MODEL_HEADER, lines, paint), ""]
    red = failure_lines(table.rows, command, most=len(table.rows) if full else 20)
    if red:
        parts += [paint("To look at:", _BOLD), *(f"  {line}" for line in red), ""]
    for sentence in filter(None, (defaults_sentence(table), *remarks)):
        parts += [plain(sentence), ""]
    colour_of = _RED if table.red or not table.rows else _GREEN
    parts.append(paint(counts_line(table.counts), colour_of))
    return "\n".join(parts)


def _cut(line: str) -> str:
    """A long list of models, as a definition has it for each, to what a terminal's reader reads."""
    if len(line) <= LONGEST_DEFINITION:
        return line
    kept = line[:LONGEST_DEFINITION].rpartition(", ")[0]
    return f"{kept}, ... (all in report.html)"


def chosen(table: DiffTable) -> list[tuple[DiffRow, ...]]:
    """The models shown in detail: the first of each analysis, and the first few red ones."""
    found, analyses, red = [], set(), 0
    for rows in table.models:
        is_red = any(row.red for row in rows)
        red += is_red
        if rows[0].analysis not in analyses or (is_red and red <= MOST_RED_MODELS):
            found.append(rows)
        analyses.add(rows[0].analysis)
    return found


def _heading(rows: Sequence[DiffRow], paint: _Painter) -> str:
    first = rows[0]
    name = first.place.replace("/", " / ")
    notes = [row.note for row in rows if row.quantity == "n_obs" and row.note]
    lines = [paint(plain(name), _BOLD) if name else "", plain(first.model)]
    lines += [plain(f"({note})") for note in notes]
    return "\n".join(line for line in lines if line)


def _table(header: Sequence[str], lines: Sequence[Line], paint: _Painter) -> str:
    from tabulate import tabulate

    # Every cell is text already: tabulate must not read numbers into names such as "1e5".
    body = tabulate(
        [[plain(cell) for cell in line.cells] for line in lines],
        headers=list(header),
        tablefmt="simple",
        disable_numparse=True,
        colalign=["right" if _numeric(title) else "left" for title in header],
        preserve_whitespace=True,
    ).split("\n")
    painted = [
        paint(text, _RED)
        if line.verdict.red
        else paint(text, _YELLOW)
        if line.verdict is Verdict.BOUNDARY
        else text
        for text, line in zip(body[2:], lines, strict=True)
    ]
    return "\n".join([*body[:2], *painted])


_NUMERIC = {
    "Python",
    "R",
    "difference",
    "limit",
    "p (Python)",
    "p (R)",
    "adj. p (Python)",
    "adj. p (R)",
    "rows",
    "numbers",
    "match",
    "boundary",
    "red",
}


def _numeric(title: str) -> bool:
    return title in _NUMERIC


class _Painter:
    """Colours text, or does not."""

    __slots__ = ("_on",)

    def __init__(self, on: bool) -> None:
        self._on = on

    def __call__(self, text: str, code: str) -> str:
        return f"{code}{text}{_END}" if self._on else text


def _painter(colour: bool | None) -> _Painter:
    if colour is None:
        wanted = sys.stdout.isatty() or bool(os.environ.get("FORCE_COLOR"))
        colour = wanted and not os.environ.get("NO_COLOR")
    return _Painter(colour)
