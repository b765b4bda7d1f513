"""``report.html``: one page, no script, nothing fetched; every text from outside is escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from harness.compare.rows import DiffRow
from harness.errors import EXIT_OK
from harness.plain import plain
from harness.report.across import (
    ACROSS_HEADER,
    ACROSS_TITLE,
    across_lines,
    across_sentence,
)
from harness.report.consort import consort_diagram
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
from harness.report.plots import difference_plot
from harness.report.views import (
    MODEL_HEADER,
    NUMBER_HEADER,
    Line,
    coefficient_table,
    model_line,
    number_line,
)

_VERDICTS = {
    0: "Everything holds: both engines give the same numbers.",
    1: "The run is complete and something differs.",
    2: "A model could not be fitted as asked.",
    3: "The gate refused the data; nothing was fitted.",
    4: "A part could not run; what could is below.",
}

_STYLE = """
:root { color-scheme: light dark; --red: #b00020; --amber: #9a6700; --line: #8884; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
th, td { text-align: left; padding: .15rem .6rem; border-bottom: 1px solid var(--line); }
td { white-space: nowrap; } td:last-child { white-space: normal; }
tr.red td { color: var(--red); font-weight: 600; } tr.boundary td { color: var(--amber); }
.verdict { font-size: 1.1rem; padding: .6rem 1rem; border-left: .4rem solid #2e7d32; }
.verdict.red { border-color: var(--red); }
.banner { background: #ffd54f; color: #000; font-weight: 700; padding: .6rem 1rem; }
svg { max-width: 100%; height: auto; background: #fff; } code { font-size: 13px; }
summary { cursor: pointer; } li { overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) { :root { --red: #ff8a80; --amber: #ffd54f; } }
@media print { details > * { display: block; } }
"""

_MARKUP = re.compile(r"[&<>\"']")
"""What ``html.escape`` replaces; most cells are numbers and have none of it."""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def plots_of(record: RunRecord) -> tuple[Callable[[], str], ...]:
    """What draws the plot of each analysis, in the order of the diff table."""
    return tuple(
        partial(difference_plot, rows, title=plain(analysis), prefix=f"plot{place}")
        for place, (analysis, rows) in enumerate(_by_analysis(record.diff.rows).items(), start=1)
    )


def report_html(record: RunRecord, plots: Sequence[str] | None = None) -> str:
    """The whole page.

    Args:
        record: the run.
        plots: what those of ``plots_of`` draw, where they were asked already.
    """
    table = record.diff
    title = f"{record.title} ({record.study})"
    banner = f'<p class="banner">{text(record.banner)}</p>' if record.banner else ""
    colour = "" if record.exit_code == EXIT_OK else " red"
    body = [
        f"<h1>{text(title)}</h1>",
        banner,
        f'<p class="verdict{colour}">{text(_VERDICTS.get(record.exit_code, ""))} '
        f"{text(counts_line(table.counts))}. Exit code {record.exit_code}.</p>",
        f"<p><strong>Part of the plan: {text(record.part)}.</strong></p>" if record.part else "",
        *_gate(record),
        *_scores(record),
        *_flow(record),
        *_differences(record, [draw() for draw in plots_of(record)] if plots is None else plots),
        *_provenance(record),
        banner,
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(_POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in body if part)
        + "\n</body>\n</html>\n"
    )


def text(value: str) -> str:
    """Text that stays text in HTML, in element content and in quoted attributes."""
    shown = plain(value)
    return html.escape(shown, quote=True) if _MARKUP.search(shown) else shown


def _gate(record: RunRecord) -> Iterable[str]:
    if record.gate is None:
        return
    gate = record.gate
    by_severity = {
        severity: [rule for rule in gate.rules if rule.severity == severity]
        for severity in ("critical", "warning", "info")
    }
    lines = []
    for severity, rules in by_severity.items():
        if rules:
            verdicts = ("pass", "fail", "vacuous", "error")
            counts = [str(sum(rule.verdict == v for rule in rules)) for v in verdicts]
            lines.append((severity, str(len(rules)), *counts))
    yield f"<h2>Data-quality gate: {text(gate.verdict)}</h2>"
    yield _table(("severity", "rules", "pass", "fail", "vacuous", "error"), lines)
    failing = [rule for rule in gate.rules if rule.verdict != "pass"]
    if failing:
        yield _table(
            ("rule", "severity", "verdict", "failing", "says", "detail"),
            [
                (
                    rule.rule,
                    rule.severity,
                    rule.verdict,
                    "" if rule.n_failed is None else f"{rule.n_failed} of {rule.n_judged}",
                    rule.sentence,
                    rule.detail,
                )
                for rule in failing
            ],
            ["red" if rule.exit_code else "" for rule in failing],
        )


def _scores(record: RunRecord) -> Iterable[str]:
    if record.scores:
        yield "<h2>Questionnaires</h2>"
        yield _table(
            (
                *("name", "instrument", "answers", "incomplete rows", "missing answers", "added"),
                *("compared with the file", "to check"),
            ),
            [
                (
                    *(score.name, score.instrument, str(score.n_items), str(score.incomplete)),
                    *(score.rule, ", ".join(score.added), ", ".join(score.compared)),
                    score.not_known,
                )
                for score in record.scores
            ],
        )


def _flow(record: RunRecord) -> Iterable[str]:
    if record.sets:
        yield "<h2>Analysis sets</h2>"
        yield _table(
            ("set", "patients", "rows", "undecided rows", "condition"),
            [
                (flow.name, str(flow.n_ids), str(flow.n_rows), str(flow.undecided), flow.expression)
                for flow in record.sets
            ],
        )
    if record.flow is not None:
        patients = record.flow
        yield f"<h2>{text(FLOW_TITLE)}</h2><p>{text(flow_definition(patients))}</p>"
        if patients.notes:
            yield f"<ul>{''.join(f'<li>{text(note)}</li>' for note in patients.notes)}</ul>"
        yield consort_diagram(patients)
        yield _lines(flow_header(patients), flow_lines(patients))
        yield f"<h2>{text(MODELS_TITLE)}</h2>"
        yield _lines(models_header(patients), models_lines(patients))


def _differences(record: RunRecord, plots: Sequence[str]) -> Iterable[str]:
    table = record.diff
    if not table.rows:
        yield "<h2>Diff table</h2><p>Nothing was fitted.</p>"
        return
    red = failure_lines(table.rows, record.command)
    if red:
        items = "".join(f"<li>{text(line)}</li>" for line in red)
        yield f"<h2>To look at</h2><ul>{items}</ul>"
    models = table.models
    if record.definitions:
        items = "".join(f"<li>{text(line)}</li>" for line in record.definitions)
        yield f"<h2>Definitions</h2><ul>{items}</ul>"
    if record.families:
        items = "".join(f"<li>{text(line)}</li>" for line in record.families)
        yield f"<h2>Multiple testing</h2><ul>{items}</ul>"
    yield "<h2>Models</h2>"
    yield _lines(MODEL_HEADER, [model_line(rows) for rows in models])
    yield from plots
    yield "<h2>Diff table</h2>"
    for rows in models:
        yield from _model(rows)
    if sentence := across_sentence(record.across):
        yield f"<h2>{text(ACROSS_TITLE)}</h2><p>{text(sentence)}.</p>"
        yield _lines(ACROSS_HEADER, across_lines(record.across))
    yield "<h2>Limits</h2>"
    yield _lines(LIMITS_HEADER, limit_lines(table.rows))
    if sentence := defaults_sentence(table):
        yield f"<h2>{text(DEFAULTS_TITLE)}</h2><p>{text(sentence)}.</p>"
        if lines := defaults_lines(table):
            yield _lines(DEFAULTS_HEADER, lines)


def _model(rows: Sequence[DiffRow]) -> Iterable[str]:
    first = rows[0]
    line = model_line(rows)
    unfolded = " open" if line.verdict.red else ""
    yield f"<details{unfolded}><summary>{text(first.place or 'model')}: {text(str(line.verdict))}"
    yield f"</summary><p><code>{text(first.model)}</code> df: {text(first.df_method)}</p>"
    header, coefficients = coefficient_table(rows)
    if coefficients:
        yield _lines(header, coefficients)
    yield "<details><summary>every number</summary>"
    yield _lines(NUMBER_HEADER, [number_line(row) for row in rows])
    yield "</details></details>"


def _provenance(record: RunRecord) -> Iterable[str]:
    manifest = record.manifest
    yield "<h2>Provenance</h2>"
    facts = [
        ("reference", record.reference),
        ("command", manifest.command),
        ("started", manifest.started),
        ("Python", manifest.environment.python),
        ("BLAS", manifest.environment.blas),
        *((f"sha256 of {name}", value) for name, value in manifest.sha256.items()),
        *manifest.environment.packages.items(),
        *((f"R: {name}", value) for name, value in manifest.r.items()),
    ]
    yield _table(("what", "value"), [fact for fact in facts if fact[1]])


def _by_analysis(rows: Sequence[DiffRow]) -> dict[str, list[DiffRow]]:
    found: dict[str, list[DiffRow]] = {}
    for row in rows:
        found.setdefault(row.analysis, []).append(row)
    return found


def _lines(header: Sequence[str], lines: Sequence[Line]) -> str:
    classes = [
        "red" if line.verdict.red else "boundary" if line.verdict == "boundary" else ""
        for line in lines
    ]
    return _table(header, [line.cells for line in lines], classes)


def _table(
    header: Sequence[str], rows: Sequence[Sequence[str]], classes: Sequence[str] = ()
) -> str:
    head = "".join(f"<th>{text(cell)}</th>" for cell in header)
    body = "".join(
        f"<tr{f' class={chr(34)}{classes[i]}{chr(34)}' if classes and classes[i] else ''}>"
        + "".join(f"<td>{text(cell)}</td>" for cell in row)
        + "</tr>\n"
        for i, row in enumerate(rows)
    )
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>\n{body}'
        "</tbody></table></div>"
    )
