"""Rows of the diff table written down without comparing anything."""

from __future__ import annotations

from typing import Any

from harness.compare.rows import DiffRow
from harness.compare.verdict import Verdict


def row(term: str, quantity: str, python: Any, r: Any, **changes: Any) -> DiffRow:
    """A red row of tier T2."""
    given: dict[str, Any] = {
        "analysis": "efficacy",
        "set": "ITT",
        "outcome": "bdi",
        "moderator": "",
        "model": "bdi ~ week + (1 | subject)",
        "term": term,
        "quantity": quantity,
        "python": python,
        "r": r,
        "published": None,
        "delta": 1.0,
        "metric": "relative",
        "limit": 1e-6,
        "tier": "T2",
        "verdict": Verdict.DIFFERS,
        "df_method": "satterthwaite",
        "cause": "",
        "note": "",
        "exit_code": 1,
    }
    return DiffRow(**{**given, **changes})
