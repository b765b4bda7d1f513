"""What two estimate files come to: the summary of a comparison, for people and for machines."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from tabulate import tabulate

from harness.compare.summary import Largest, Summary, summary
from harness.compare.table import DiffTable, Unasked
from harness.models.record import as_json
from harness.plain import plain
from harness.report.figures import difference, share
from harness.report.files import diff_json

_HEADER = ("quantity", "compared", "unequal", "largest difference", "of its limit", "where")


def summary_text(table: DiffTable, left: str, right: str) -> str:
    """The summary as text, in the manner of SAS's PROC COMPARE.

    Args:
        table: the comparison.
        left: name of the left file.
        right: name of the right one.
    """
    found = summary(table)
    counts = [
        (found.exactly, "equal exactly"),
        (found.within, "equal within the limit"),
        (found.printed, "equal to the digits printed"),
        (found.unequal, "unequal"),
        (found.not_judged, "not judged"),
    ]
    listed = ", ".join(f"{count} {what}" for count, what in counts if count)
    lines = [
        f"left   {left}",
        f"right  {right}",
        _models(found),
        f"numbers on both sides: {found.compared}" + (f": {listed}" if listed else ""),
        f"only left: {found.only_left}, only right: {found.only_right}",
    ]
    if found.not_computed:
        lines.append(f"models neither side answered: {found.not_computed}")
    lines += _unasked(found.unasked)
    if found.largest:
        table_text = tabulate(
            [_cells(item, many=found.models > 1) for item in found.largest],
            headers=_HEADER,
            tablefmt="simple",
            disable_numparse=True,
            colalign=("left", "right", "right", "right", "right", "left"),
        )
        lines += ["", table_text]
    return "\n".join(plain(line) for line in "\n".join(lines).split("\n"))


def comparison_json(table: DiffTable) -> str:
    """The diff table as JSON, with the summary in front of its rows."""
    document: dict[str, Any] = json.loads(diff_json(table))
    rows = document.pop("rows")
    return (
        json.dumps(
            {**document, "summary": _document(summary(table)), "rows": rows},
            ensure_ascii=False,
            allow_nan=False,
            indent=1,
        )
        + "\n"
    )


def _document(found: Summary) -> dict[str, Any]:
    names = [name for name in Summary.__dataclass_fields__ if name not in ("unasked", "largest")]
    return {
        **{name: getattr(found, name) for name in names},
        "unasked": [asdict(item) for item in found.unasked],
        "largest": [_largest(item) for item in found.largest],
    }


def _largest(item: Largest) -> dict[str, Any]:
    row = item.row
    told = {"quantity": item.quantity, "compared": item.compared, "unequal": item.unequal}
    where = {"delta": None, "metric": "", "limit": None, "place": "", "term": ""}
    if row is not None:
        where = {name: as_json(getattr(row, name)) for name in where}
    return {**told, **where}


def _models(found: Summary) -> str:
    parts = [f"{found.models} on both sides"]
    parts += [f"{found.models_left} only left"] if found.models_left else []
    parts += [f"{found.models_right} only right"] if found.models_right else []
    return f"models: {', '.join(parts)}"


def _unasked(unasked: Iterable[Unasked]) -> list[str]:
    lines = []
    for side, other, shown in (("python", "right", "left"), ("r", "left", "right")):
        listed = ", ".join(f"{u.quantity} ({u.count})" for u in unasked if u.side == side)
        if listed:
            lines.append(f"not compared, the {other} file has none; only {shown}: {listed}")
    return lines


def _cells(item: Largest, *, many: bool) -> tuple[str, ...]:
    row = item.row
    where = "" if row is None else " ".join(filter(None, (row.place if many else "", row.term)))
    return (
        item.quantity,
        str(item.compared),
        str(item.unequal),
        "0" if row is None else difference(row),
        "" if row is None else share(row),
        where,
    )
