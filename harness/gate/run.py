"""The data-quality gate: run a suite on a frame and decide whether the data may be analysed.

Great Expectations 1.24 calls six things a success, or a failure of the data, that are neither.
The guards against them, and where each stands:

1. it drops a rule whose type or severity it does not know: :func:`harness.gate.suite.read_suite`
   checks the severity, :func:`harness.gate.validator.build` the type and that the rule was built;
2. a suite without rules succeeds: ``read_suite`` refuses it;
3. a rule that judges no row succeeds: verdict ``vacuous`` here, an exit 4 if it is critical;
4. it matches column names ignoring case: here every named column must exist exactly, and
   columns that are equal but for case are an error;
5. value rules do not see missing values: the codebook's generated rules limit them
   (:mod:`harness.gate.generate`), and a wholly missing column is ``vacuous``;
6. a rule that could not run looks like bad data: verdict ``error`` here, and exit 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from harness.data.read import Finding
from harness.data.scores import Scored
from harness.errors import DataError, SuiteError
from harness.gate import validator
from harness.gate.queries import queries_of_findings, queries_of_rule
from harness.gate.score_rules import judge_scores
from harness.gate.suite import Rule, Suite, read_suite
from harness.gate.verdict import GateReport, Query, RuleResult, RuleVerdict

TYPE_SENTENCE = "Every cell can be read as the type its column is declared to have."
CASE_SENTENCE = "No two columns have the same name but for upper and lower case."


def run_gate(
    frame: pd.DataFrame,
    suite_path: Path | str,
    *,
    key: Sequence[str],
    parameters: Mapping[str, Any] | None = None,
    findings: Sequence[Finding] = (),
    scores: Sequence[Scored] = (),
    data_sha256: str | None = None,
) -> GateReport:
    """Run a suite on the data.

    Args:
        frame: the typed data, one row a data line of the file and in its order.
        suite_path: the suite file.
        key: the column of the patient and, for repeated measures, that of the visit.
        parameters: values of the suite's parameters (``gate.parameters`` of the plan).
        findings: cells that could not be read as their declared type; they fail the built-in
            critical rule ``TYPE``.
        scores: questionnaires scored from ``frame``; the built-in critical rules ``ANSWERS:`` and
            ``SCORES:`` judge their answers and what the file says the scores are.
        data_sha256: hash of the data file, kept in the report.

    Returns:
        A report whose ``exit_code`` is 0 (pass), 3 (a critical rule failed) or 4 (a rule could
        not be run, or a critical one had nothing to judge).

    Raises:
        SuiteError: for a suite that would not check what it says.
        DataError: for a frame with two columns of one name, or without a key column.
    """
    suite = read_suite(suite_path)
    rules = suite.with_parameters(parameters or {})
    key = _checked_key(frame, suite, tuple(key))
    built = validator.build(suite.path, rules)
    data = frame.reset_index(drop=True)
    clashes = _case_clashes(data)
    results = [_type_rule(findings, data), _case_rule(clashes)]
    queries: list[Query] = list(queries_of_findings("TYPE", TYPE_SENTENCE, findings, data, key))
    for result, asked in judge_scores(scores, data, key):
        results.append(result)
        queries += asked

    barred = {rule.rule: reason for rule in rules if (reason := _barred(rule, data, clashes))}
    runnable = [
        (rule, one) for rule, one in zip(rules, built, strict=True) if rule.rule not in barred
    ]
    outcomes = validator.judge(data, [rule for rule, _ in runnable], [one for _, one in runnable])
    found = {rule.rule: outcome for (rule, _), outcome in zip(runnable, outcomes, strict=True)}
    for rule in rules:
        if rule.rule in barred:
            results.append(_result(rule, "error", None, None, barred[rule.rule]))
            continue
        outcome = found[rule.rule]
        verdict = _verdict(outcome)
        detail = outcome.error or outcome.detail
        if verdict == "vacuous":
            detail = "nothing to judge: no row selected, or every value missing"
        results.append(_result(rule, verdict, outcome.n_judged, outcome.n_failed, detail))
        if verdict == "fail":
            queries += queries_of_rule(rule, outcome.cells, data, key, outcome.detail)
    return GateReport(
        suite=suite.name,
        suite_sha256=suite.sha256,
        data_sha256=data_sha256,
        key=key,
        n_rows=len(data),
        parameters=dict(parameters or {}),
        versions=validator.versions(),
        rules=tuple(results),
        queries=tuple(queries),
    )


def _verdict(outcome: Any) -> RuleVerdict:
    if outcome.error:
        return "error"
    # Guard 3. Counts of patients are judged even when there are none, which is then a failure.
    if outcome.n_judged == 0 and outcome.n_failed is not None:
        return "vacuous"
    return "pass" if outcome.success else "fail"


def _barred(rule: Rule, frame: pd.DataFrame, clashes: Mapping[str, Sequence[str]]) -> str:
    """Why a rule must not be given to Great Expectations; empty if it may (guards 4 and 6)."""
    absent = [name for name in rule.columns if name not in frame.columns]
    if absent and rule.type not in validator.COLUMN_RULES:
        folded = {str(name).casefold(): str(name) for name in frame.columns}
        near = folded.get(absent[0].casefold())
        hint = f" (there is {near!r}; names are case-sensitive)" if near else ""
        return f"column {absent[0]!r} is not in the data{hint}"
    for name in rule.columns:
        if name in clashes:
            return f"columns {' and '.join(clashes[name])} are equal but for case"
    return ""


def _case_clashes(frame: pd.DataFrame) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name in frame.columns:
        groups.setdefault(str(name).casefold(), []).append(str(name))
    return {name: group for group in groups.values() if len(group) > 1 for name in group}


def _type_rule(findings: Sequence[Finding], frame: pd.DataFrame) -> RuleResult:
    per_column: dict[str, int] = {}
    for finding in findings:
        per_column[finding.variable] = per_column.get(finding.variable, 0) + 1
    return RuleResult(
        rule="TYPE",
        check="built-in",
        columns=tuple(per_column),
        sentence=TYPE_SENTENCE,
        severity="critical",
        verdict="fail" if findings else "pass",
        n_judged=int(frame.size),
        n_failed=len(findings),
        detail="; ".join(f"{name}: {n}" for name, n in per_column.items()),
    )


def _case_rule(clashes: Mapping[str, Sequence[str]]) -> RuleResult:
    return RuleResult(
        rule="CASE",
        check="built-in",
        columns=tuple(clashes),
        sentence=CASE_SENTENCE,
        severity="critical",
        verdict="error" if clashes else "pass",
        n_judged=None,
        n_failed=None,
        detail="; ".join(dict.fromkeys(" and ".join(group) for group in clashes.values())),
    )


def _result(
    rule: Rule, verdict: RuleVerdict, n_judged: int | None, n_failed: int | None, detail: str
) -> RuleResult:
    return RuleResult(
        rule=rule.rule,
        check=rule.type,
        columns=rule.columns,
        sentence=rule.sentence,
        severity=rule.severity,
        verdict=verdict,
        n_judged=n_judged,
        n_failed=n_failed,
        detail=detail,
        allow_vacuous=rule.allow_vacuous,
    )


def _checked_key(frame: pd.DataFrame, suite: Suite, key: tuple[str, ...]) -> tuple[str, ...]:
    names = [str(name) for name in frame.columns]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"the data have two columns named {twice[0]!r}")
    if absent := [name for name in key if name not in names]:
        raise DataError(f"the data have no column {absent[0]!r}, which identifies a row")
    if suite.key and key and suite.key != key:
        raise SuiteError(
            f"{suite.path}: meta.key is {', '.join(suite.key)}, the plan's key is {', '.join(key)}"
        )
    return key
