"""What the gate writes: ``gate.json`` and ``gate.md`` with counts only, and ``queries.csv``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from harness.atomic import write_text
from harness.gate.queries import sheet
from harness.gate.verdict import GateReport, RuleResult
from harness.plain import plain

_SENTENCES = {
    "pass": "The data may be analysed: every critical rule was checked and none failed.",
    "fail": "The data may not be analysed: {n} critical {rules} failed. Nothing was fitted.",
    "error": "The gate could not decide: {n} {rules} could not be checked. Nothing was fitted.",
}


def write_gate(report: GateReport, folder: Path | str) -> tuple[Path, ...]:
    """Write the three files, each beside its place and then renamed into it.

    Returns:
        The paths of ``gate.json``, ``gate.md`` and ``queries.csv``.

    Raises:
        DataError: when one of them cannot be written.
    """
    folder = Path(folder)
    contents = {
        "gate.json": gate_json(report),
        "gate.md": gate_markdown(report),
        "queries.csv": sheet(report.queries),
    }
    return tuple(write_text(folder / name, text) for name, text in contents.items())


def gate_json(report: GateReport) -> str:
    """Verdicts, counts, hashes and versions as JSON; no patient's value is in it."""
    record = {
        "verdict": report.verdict,
        "exit_code": report.exit_code,
        "suite": {"name": report.suite, "sha256": report.suite_sha256},
        "data": {"sha256": report.data_sha256, "rows": report.n_rows, "key": list(report.key)},
        "parameters": report.parameters,
        "versions": report.versions,
        "counts": {v: len(report.with_verdict(v)) for v in ("pass", "fail", "vacuous", "error")},
        "queries": len(report.queries),
        "rules": [asdict(rule) for rule in report.rules],
    }
    return json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def gate_markdown(report: GateReport) -> str:
    """The rules table and the verdict in words, as Markdown."""
    blocking = [rule for rule in report.rules if rule.exit_code == report.exit_code != 0]
    plural = "rule" if len(blocking) == 1 else "rules"
    lines = [
        f"# Data-quality gate: {plain(report.suite)}",
        "",
        f"**{report.verdict.upper()}** (exit {report.exit_code}). "
        + _SENTENCES[report.verdict].format(n=len(blocking), rules=plural),
        "",
    ]
    for rule in report.with_verdict("error", "fail", "vacuous"):
        lines.append(f"- {plain(sentence(rule))}")
    if report.with_verdict("error", "fail", "vacuous"):
        lines.append("")
    if report.queries:
        lines += [f"{len(report.queries)} queries stand in `queries.csv`.", ""]
    lines += [
        f"{len(report.rules)} rules on {report.n_rows} rows; "
        f"suite {report.suite_sha256[:12]}, data {(report.data_sha256 or 'not hashed')[:12]}, "
        + ", ".join(f"{name} {version}" for name, version in report.versions.items())
        + ".",
        "",
        _table(report.rules),
        "",
    ]
    return "\n".join(lines)


def sentence(rule: RuleResult) -> str:
    """One finding in words: ``RANGE-bdi (critical) failed: 1 of 380 judged. BDI lies …``."""
    what = {"fail": "failed", "vacuous": "had nothing to judge", "error": "could not be run"}
    parts = []
    if rule.verdict == "fail" and rule.n_failed is not None:
        parts.append(f"{rule.n_failed} of {rule.n_judged} judged")
    if rule.detail and rule.verdict != "vacuous":
        parts.append(rule.detail)
    happened = f"`{rule.rule}` ({rule.severity}) {what.get(rule.verdict, rule.verdict)}"
    return (
        f"{happened}: {'; '.join(parts)}. {rule.sentence}"
        if parts
        else f"{happened}. {rule.sentence}"
    )


def _table(rules: tuple[RuleResult, ...]) -> str:
    from tabulate import tabulate

    rows = [
        (
            _cell(rule.rule),
            rule.verdict,
            rule.severity,
            "" if rule.n_judged is None else str(rule.n_judged),
            "" if rule.n_failed is None else str(rule.n_failed),
            _cell(_columns(rule.columns)),
            _cell(rule.sentence),
        )
        for rule in rules
    ]
    head = ("rule", "verdict", "severity", "judged", "failed", "columns", "the rule says")
    right = ("left", "left", "left", "right", "right", "left", "left")
    return tabulate(rows, head, tablefmt="github", disable_numparse=True, colalign=right)


def _columns(names: tuple[str, ...]) -> str:
    if len(names) <= 4:
        return ", ".join(names)
    return f"{names[0]}, {names[1]}, … {names[-1]} ({len(names)})"


def _cell(text: str) -> str:
    """A pipe or a line end inside a cell would break the table."""
    return plain(" ".join(text.split())).replace("|", "\\|")
