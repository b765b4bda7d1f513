"""Data files and codebooks: read strictly, typed once, checked against the plan."""

from harness.data.codebook import Codebook, Variable, read_codebook
from harness.data.derive import derive
from harness.data.read import Finding, Reading, read_frame, read_table
from harness.data.study import Study, open_study

__all__ = [
    "Codebook",
    "Finding",
    "Reading",
    "Study",
    "Variable",
    "derive",
    "open_study",
    "read_codebook",
    "read_frame",
    "read_table",
]
