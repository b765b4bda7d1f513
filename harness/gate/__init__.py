"""The data-quality gate: nothing is fitted before the data have passed it.

Great Expectations takes seconds to import and is imported by :func:`run_gate` only.
"""

from harness.gate.report import write_gate
from harness.gate.run import run_gate
from harness.gate.suite import Rule, Suite, read_suite
from harness.gate.verdict import GateReport, Query, RuleResult

__all__ = [
    "GateReport",
    "Query",
    "Rule",
    "RuleResult",
    "Suite",
    "read_suite",
    "run_gate",
    "write_gate",
]
