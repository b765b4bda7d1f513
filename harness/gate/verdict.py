"""What the gate says: a verdict per rule, one verdict for the data, the queries, the exit code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from harness.errors import EXIT_GATE, EXIT_NOT_RUN, EXIT_OK

RuleVerdict = Literal["pass", "fail", "vacuous", "error"]
Severity = Literal["critical", "warning", "info"]
GateVerdict = Literal["pass", "fail", "error"]


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What became of one rule.

    Attributes:
        rule: id of the rule, as ``KEY-01``.
        check: Great Expectations' name of its kind, or ``built-in``.
        columns: the columns it reads.
        sentence: what it says, in plain words.
        severity: ``critical`` refuses the data, ``warning`` and ``info`` are shown only.
        verdict: ``pass``; ``fail``: the data break it; ``vacuous``: nothing was there to judge;
            ``error``: it could not be run.
        n_judged: cells (or rows, for a rule that relates columns) judged; ``None`` for a rule on
            the table as a whole.
        n_failed: how many of them break the rule; ``None`` where the rule counts none.
        detail: one line of counts or the reason of an error, never a patient's value.
        allow_vacuous: whether the suite declares that the rule may find nothing to judge.
    """

    rule: str
    check: str
    columns: tuple[str, ...]
    sentence: str
    severity: Severity
    verdict: RuleVerdict
    n_judged: int | None
    n_failed: int | None
    detail: str = ""
    allow_vacuous: bool = False

    @property
    def exit_code(self) -> int:
        """The exit code this rule alone leads to."""
        if self.verdict == "error":
            return EXIT_NOT_RUN
        if self.severity != "critical":
            return EXIT_OK
        if self.verdict == "vacuous" and not self.allow_vacuous:
            return EXIT_NOT_RUN
        return EXIT_GATE if self.verdict == "fail" else EXIT_OK


@dataclass(frozen=True, slots=True)
class Query:
    """One line of the query sheet: a cell the data manager is asked about.

    Attributes:
        rule: id of the rule.
        sentence: what the rule says.
        id: the patient; empty where the question is not about one patient.
        time: the visit; empty likewise.
        column: the column in question, or several joined by ``; ``.
        value: what the data say.
        allowed: what would be accepted.
        row: data line of the file, the first after the header is 1.
        resolution: left blank for the answer.
    """

    rule: str
    sentence: str
    id: str
    time: str
    column: str
    value: str
    allowed: str
    row: int | None
    resolution: str = ""


@dataclass(frozen=True, slots=True)
class GateReport:
    """The outcome of the gate on one data set.

    Attributes:
        suite: name of the suite.
        suite_sha256: hash of the suite file.
        data_sha256: hash of the data file, where the caller knows it.
        key: the columns that identify a row.
        n_rows: rows of the data.
        parameters: the suite's parameters as given.
        versions: of great_expectations and pandas.
        rules: one result a rule; built-in rules first, then in the suite's order.
        queries: the failing cells. They hold patients' values.
    """

    suite: str
    suite_sha256: str
    data_sha256: str | None
    key: tuple[str, ...]
    n_rows: int
    parameters: dict[str, Any]
    versions: dict[str, str]
    rules: tuple[RuleResult, ...]
    queries: tuple[Query, ...] = field(repr=False)

    @property
    def exit_code(self) -> int:
        """0 the data may be analysed; 3 they may not; 4 a rule could not be checked."""
        return max((rule.exit_code for rule in self.rules), default=EXIT_NOT_RUN)

    @property
    def verdict(self) -> GateVerdict:
        """``pass``, ``fail`` or ``error``; an unchecked rule outweighs a failed one."""
        names: dict[int, GateVerdict] = {EXIT_OK: "pass", EXIT_GATE: "fail"}
        return names.get(self.exit_code, "error")

    def with_verdict(self, *verdicts: RuleVerdict) -> tuple[RuleResult, ...]:
        """The rules that have one of ``verdicts``, in order."""
        return tuple(rule for rule in self.rules if rule.verdict in verdicts)
