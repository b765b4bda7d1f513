"""Estimates as rows and as files, whichever engine made them."""

from harness.estimates.files import (
    KeyedAnswer,
    fit_json,
    read_answers,
    read_fit,
    write_fit,
    write_run,
)
from harness.estimates.record import to_record
from harness.estimates.table import EstimateRow, estimate_rows

__all__ = [
    "EstimateRow",
    "KeyedAnswer",
    "estimate_rows",
    "fit_json",
    "read_answers",
    "read_fit",
    "to_record",
    "write_fit",
    "write_run",
]
