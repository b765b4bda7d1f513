"""The checks themselves: pure functions from a frame and the rule's arguments to a judgement.

They know nothing of Great Expectations, which runs them through :mod:`harness.gate.rules`.
"""

from harness.gate.checks.cells import (
    cells_between,
    cells_in,
    cells_not_codes,
    cells_whole,
    missing_at_most,
)
from harness.gate.checks.groups import group_counts
from harness.gate.checks.judgement import Judgement
from harness.gate.checks.patients import (
    change_between,
    constant_within,
    counts_observed,
    dropout_monotone,
    every_unit_has,
    units_differ,
)
from harness.gate.checks.rows import expression_columns, rows_satisfy, share_satisfying
from harness.gate.checks.scales import correlation_between, expected_total, items_sum

__all__ = [
    "Judgement",
    "cells_between",
    "cells_in",
    "cells_not_codes",
    "cells_whole",
    "change_between",
    "constant_within",
    "correlation_between",
    "counts_observed",
    "dropout_monotone",
    "every_unit_has",
    "expected_total",
    "expression_columns",
    "group_counts",
    "items_sum",
    "missing_at_most",
    "rows_satisfy",
    "share_satisfying",
    "units_differ",
]
