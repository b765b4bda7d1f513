"""Two answers to one model, number by number: what differs, by how much, and whether it matters."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.compare.files import compare_estimates, compare_files
from harness.compare.model import CrossCheck, compare_model
from harness.compare.policy import Policy, Tolerance, default_policy, load_policy
from harness.compare.rows import COLUMNS, DiffRow
from harness.compare.table import DiffTable, join
from harness.compare.verdict import Verdict
from harness.models.record import Estimates, NotComputed

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


def _answer(given: Any) -> Any:
    """A fit's own record; anything else as it is."""
    made = getattr(given, "estimates", None)
    return made() if callable(made) else given


class _CallableModule(ModuleType):
    """Lets ``harness.compare(left, right)`` work although ``harness.compare`` is this package."""

    def __call__(self, left: Any, right: Any) -> DiffTable:
        """Compare two estimate files, or two answers or fits in memory."""
        left, right = _answer(left), _answer(right)
        if isinstance(left, Estimates | NotComputed) and isinstance(right, Estimates | NotComputed):
            return compare_estimates(left, right)
        if isinstance(left, str | Path) and isinstance(right, str | Path):
            return compare_files(left, right)
        raise TypeError("compare two files, or two Estimates or fits, not one of each")


sys.modules[__name__].__class__ = _CallableModule
