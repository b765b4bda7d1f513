"""``diff.md``: the diff table for a code review or a data editor's file."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from harness.plain import plain
from harness.report.across import (
    ACROSS_HEADER,
    ACROSS_TITLE,
    across_lines,
    across_sentence,
)
from harness.report.content import RunRecord
from harness.report.defaults import (
    DEFAULTS_HEADER,
    DEFAULTS_TITLE,
    defaults_lines,
    defaults_sentence,
)
from harness.report.failure import counts_line, failure_lines
from harness.report.flow import (
    FLOW_TITLE,
    MODELS_TITLE,
    flow_definition,
    flow_header,
    flow_lines,
    models_header,
    models_lines,
)
from harness.report.limits import LIMITS_HEADER, limit_lines
from harness.report.views import (
    MODEL_HEADER,
    NUMBER_HEADER,
    Line,
    coefficient_table,
    model_line,
    number_line,
)

_MARKS = "\\`*_{}[]()#+!|~$"
_SPECIAL = str.maketrans({c: f"\\{c}" for c in _MARKS})
_MARKUP = re.compile(f"[{re.escape(_MARKS)}&<>]")
"""What is replaced; most cells are numbers and have none of it."""


def diff_markdown(record: RunRecord) -> str:
    """The run as Markdown: verdict, sets, a line a model, then every number by model."""
    lines = [f"# Diff table: {escape(record.title)} ({escape(record.study)})", ""]
    if record.banner:
        lines += [f"> **{escape(record.banner)}**", ""]
    lines += [f"**{escape(counts_line(record.diff.counts))}** (exit code {record.exit_code})", ""]
    if record.gate is not None:
        lines.append(f"- gate: {record.gate.verdict}, {len(record.gate.rules)} rules")
    lines += [f"- {escape(score.sentence)}" for score in record.scores]
    lines += [
        f"- set {escape(flow.name)} ({code(flow.expression)}): {flow.n_ids} patients, "
        f"{flow.n_rows} rows, {flow.undecided} undecided"
        for flow in record.sets
    ]
    lines.append(f"- reference: {escape(record.reference)}")
    lines += [f"- {escape(line)}" for line in (*record.definitions, *record.families)]
    lines += [f"- **part of the plan: {escape(record.part)}**", ""] if record.part else [""]
    lines += _flow(record)
    if not record.diff.rows:
        return "\n".join([*lines, "Nothing was fitted.", ""])
    red = failure_lines(record.diff.rows, record.command)
    if red:
        lines += ["## To look at", "", *(f"- {escape(line)}" for line in red), ""]
    models = record.diff.models
    lines += ["## Models", "", *_table(MODEL_HEADER, [model_line(rows) for rows in models]), ""]
    for rows in models:
        lines += [f"## {escape(rows[0].place) or 'Model'}", "", code(rows[0].model), ""]
        header, coefficients = coefficient_table(rows)
        if coefficients:
            lines += [*_table(header, coefficients), ""]
        lines += ["<details><summary>every number</summary>", ""]
        lines += [*_table(NUMBER_HEADER, [number_line(row) for row in rows]), "", "</details>", ""]
    lines += ["## Limits", "", *_table(LIMITS_HEADER, limit_lines(record.diff.rows)), ""]
    if sentence := across_sentence(record.across):
        lines += [f"## {ACROSS_TITLE}", "", escape(f"{sentence}."), ""]
        lines += [*_table(ACROSS_HEADER, across_lines(record.across)), ""]
    if sentence := defaults_sentence(record.diff):
        lines += [f"## {DEFAULTS_TITLE}", "", escape(f"{sentence}."), ""]
        if defaults := defaults_lines(record.diff):
            lines += [*_table(DEFAULTS_HEADER, defaults), ""]
    return "\n".join(lines)


def _flow(record: RunRecord) -> list[str]:
    flow = record.flow
    if flow is None:
        return []
    lines = [f"## {FLOW_TITLE}", "", escape(flow_definition(flow)), ""]
    lines += [*(f"- {escape(note)}" for note in flow.notes), ""] if flow.notes else []
    lines += [*_table(flow_header(flow), flow_lines(flow)), ""]
    return [*lines, f"## {MODELS_TITLE}", "", *_table(models_header(flow), models_lines(flow)), ""]


def escape(text: str) -> str:
    """Text that stays text in Markdown: no markup, no HTML, no new line."""
    shown = plain(text)
    if _MARKUP.search(shown) is None:
        return shown
    return html.escape(shown.translate(_SPECIAL), quote=False)


def code(text: str) -> str:
    """Text as HTML code; back-ticks cannot hold a text that has back-ticks itself."""
    return f"<code>{escape(text)}</code>"


def _table(header: Sequence[str], lines: Sequence[Line]) -> list[str]:
    def row(cells: Sequence[str]) -> str:
        return f"| {' | '.join(cells)} |"

    head = [escape(cell) for cell in header]

    def shown(line: Line) -> list[str]:
        *cells, last = [escape(cell) for cell in line.cells]
        return [*cells, last] if not line.verdict.red else [f"**{cells[0]}**", *cells[1:], last]

    return [row(head), row(["---"] * len(header)), *(row(shown(line)) for line in lines)]
