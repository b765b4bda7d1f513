"""Two answers to one model, number by number: what differs, by how much, and whether it matters."""

from harness.compare.files import compare_estimates, compare_files
from harness.compare.model import CrossCheck, compare_model
from harness.compare.policy import Policy, Tolerance, default_policy, load_policy
from harness.compare.rows import COLUMNS, DiffRow
from harness.compare.table import DiffTable, join
from harness.compare.verdict import Verdict

__all__ = [
    "COLUMNS",
    "CrossCheck",
    "DiffRow",
    "DiffTable",
    "Policy",
    "Tolerance",
    "Verdict",
    "compare_estimates",
    "compare_files",
    "compare_model",
    "default_policy",
    "join",
    "load_policy",
]
