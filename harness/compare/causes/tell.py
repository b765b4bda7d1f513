"""The cause in the rows of the diff table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.compare.causes.find import Cause
from harness.compare.rows import DiffRow


def told(rows: Sequence[DiffRow], causes: Sequence[Cause]) -> tuple[DiffRow, ...]:
    """The rows, with what was found in the ``cause`` and ``note`` of those that are red."""
    found = [cause for cause in causes if cause.found]
    unknown = [cause for cause in causes if not cause.found]
    text = "; ".join(f"{cause.side} {cause.words}" for cause in found)
    note = "; ".join(
        f"none of {cause.tried} single changes to what was asked gives {cause.side}'s numbers"
        for cause in unknown
    )
    return tuple(_with(row, text, note) if row.red else row for row in rows)


def _with(row: DiffRow, text: str, note: str) -> DiffRow:
    notes = "; ".join(part for part in (row.note, note) if part)
    return replace(row, cause=text or row.cause, note=notes)
