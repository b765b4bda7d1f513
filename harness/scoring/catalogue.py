"""``instruments.toml``, read strictly: a catalogue with a slip in it scores nothing."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

from harness.scoring.instrument import (
    Form,
    Instrument,
    InstrumentName,
    MissingRule,
    Part,
    ScoreDirection,
)

FILE = Path(__file__).with_name("instruments.toml")

_INSTRUMENT = {"title", "citation", "direction", "missing", "not_known", "forms"}
_FORM = {"version", "items", "low", "high", "ranges", "reversed", "parts", "total", "case"}
_PART = {"name", "items", "size", "divisor"}


@cache
def instruments() -> Mapping[str, Instrument]:
    """All instruments by the name a plan uses.

    Raises:
        ValueError: the catalogue contradicts itself, which is a mistake of ours.
    """
    return parse_catalogue(FILE.read_text(encoding="utf-8"))


def parse_catalogue(text: str) -> dict[str, Instrument]:
    """Read a catalogue.

    Raises:
        ValueError: with the instrument and what is wrong with it.
    """
    tables = tomllib.loads(text)
    known = get_args(InstrumentName)
    if set(tables) != set(known):
        raise ValueError(f"the catalogue has {sorted(tables)}, the code knows {sorted(known)}")
    return {name: _instrument(name, table) for name, table in tables.items()}


def _instrument(name: Any, table: dict[str, Any]) -> Instrument:
    _keys(name, table, _INSTRUMENT, _INSTRUMENT)
    _require(all(table[key] for key in _INSTRUMENT - {"direction"}), name, "an empty entry")
    _require(table["direction"] in ("", *get_args(ScoreDirection)), name, "direction")
    _require(set(table["missing"]) <= set(get_args(MissingRule)), name, "missing")
    forms = tuple(_form(name, form) for form in table["forms"])
    versions = [form.version for form in forms]
    _require(len(set(versions)) == len(forms), name, "a version stands twice")
    _require(len(forms) == 1 or all(versions), name, "a form without version among several")
    return Instrument(
        name=name,
        title=table["title"],
        citation=table["citation"],
        direction=table["direction"],
        missing=tuple(table["missing"]),
        not_known=table["not_known"],
        forms=forms,
    )


def _form(name: str, table: dict[str, Any]) -> Form:
    _keys(name, table, _FORM, {"items", "parts"})
    n = table["items"]
    spans = table.get("ranges") or [[1, n, table["low"], table["high"]]]
    ranges = tuple((low, high) for first, last, low, high in spans for _ in range(first, last + 1))
    _require([span[0] for span in spans] == [1, *(s[1] + 1 for s in spans[:-1])], name, "ranges")
    _require(len(ranges) == n and all(low < high for low, high in ranges), name, "ranges")
    turned = tuple(table.get("reversed", ()))
    _require(list(turned) == sorted(set(turned) & set(range(1, n + 1))), name, "reversed")
    parts = tuple(_part(name, part) for part in table["parts"])
    summed = sorted(item for part in parts for item in part.items)
    _require(sum(part.size for part in parts) == n, name, "the parts do not have all items")
    _require(summed in ([], list(range(1, n + 1))), name, "an item is in no part, or in two")
    names = [part.name for part in parts]
    case = tuple(
        tuple((part, low, high) for part, (low, high) in box.items())
        for box in table.get("case", ())
    )
    _require(all([part for part, *_ in box] == names for box in case), name, "case")
    total = table.get("total", False)
    _require(total or len(parts) == 1, name, "several parts and no total")
    _require(not total or "total" not in names, name, "two totals")
    return Form(table.get("version", ""), ranges, turned, parts, total, case)


def _part(name: str, table: dict[str, Any]) -> Part:
    _keys(name, table, _PART, {"name"})
    items = tuple(table.get("items", ()))
    size = table.get("size", len(items))
    _require(size > 0 and (not items or size == len(items)), name, "the size of a part")
    return Part(table["name"], items, size, table.get("divisor", 1))


def _keys(name: str, table: dict[str, Any], allowed: set[str], needed: set[str]) -> None:
    _require(set(table) <= allowed, name, f"unknown {sorted(set(table) - allowed)}")
    _require(needed <= set(table), name, f"without {sorted(needed - set(table))}")


def _require(holds: bool, name: str, what: str) -> None:
    if not holds:
        raise ValueError(f"{FILE.name}: {name}: {what}")
