"""What R answered when it was asked to adjust the p values of families, and what it is kept in.

A family's adjusted p values are a pure function of its p values, so a record holds both: it is
believed only for the very p values it was asked about, if it is whole, and if what it says is what
the definitions of the methods give.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from harness.atomic import write_text
from harness.engines.multiplicity import Method, adjusted_p
from harness.engines.r.engine import RLiveEngine
from harness.engines.r.scripts import scripts_sha256
from harness.engines.r.seal import seal, sealed, without
from harness.errors import RecordRefused, ReferenceUnavailable
from harness.strict_json import NotStrictJson, parse_json, regular_bytes

FORMAT = 1
DEFINITION_LIMIT = 1e-12
"""Largest relative difference between what was kept and what the definition of the method gives."""
_FIELDS = ("format", "scripts_sha256", "date", "versions", "families", "sha256")
_FAMILY = ("name", "method", "tests")
_TEST = ("name", "p_value", "p_adjusted")


@dataclass(frozen=True, slots=True)
class PValues:
    """A family as R is asked about it.

    Attributes:
        name: what its tests are of.
        method: of adjustment.
        tests: a name for each p value.
        p_values: R's own, none missing.
    """

    name: str
    method: Method
    tests: tuple[str, ...]
    p_values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class AdjustedByR:
    """A family with R's answer: as many adjusted p values as p values."""

    asked: PValues
    p_adjusted: tuple[float, ...]


def ask_adjusted(engine: RLiveEngine, asked: PValues) -> AdjustedByR:
    """Have R adjust the p values of a family.

    Raises:
        ReferenceUnavailable: R is missing, or answers about other p values.
    """
    answer = engine.ask(
        "adjust",
        p_values=list(asked.p_values),
        method=asked.method,
        names=list(asked.tests),
    )
    rows = answer["rows"]
    heard = tuple((row["name"], float(row["p_value"])) for row in rows)
    if heard != tuple(zip(asked.tests, asked.p_values, strict=True)):
        raise ReferenceUnavailable("R adjusted other p values than it was asked to")
    return AdjustedByR(asked, tuple(float(row["p_adjusted"]) for row in rows))


def write_adjusted(path: Path, families: Iterable[AdjustedByR], versions: dict[str, str]) -> Path:
    """Keep R's answers, atomically; a file that would differ only in its date stays as it is.

    Args:
        path: the file.
        families: with their answers.
        versions: of the R that gave them.

    Raises:
        DataError: the file cannot be written; the old one, if any, is still there.
    """
    record: dict[str, Any] = {
        "format": FORMAT,
        "scripts_sha256": scripts_sha256(),
        "date": datetime.now(UTC).date().isoformat(),
        "versions": versions,
        "families": [_as_json(family) for family in families],
    }
    try:
        old = parse_json(regular_bytes(path))
    except (OSError, NotStrictJson):
        old = None
    same = isinstance(old, dict) and without(old, "date", "sha256") == without(record, "date")
    if isinstance(old, dict) and same and sealed(old):
        return path
    record["sha256"] = seal(record)
    return write_text(
        path, json.dumps(record, ensure_ascii=False, allow_nan=False, indent=1) + "\n"
    )


def find_adjusted(path: Path, asked: PValues) -> AdjustedByR:
    """What R once answered about a family.

    Args:
        path: the file.
        asked: the family, with the p values of R's answers to its models.

    Raises:
        ReferenceUnavailable: there is no such file, or the family is not in it.
        RecordRefused: the file is corrupt or altered, the family's p values or tests are others, or
            its adjusted p values are not what the method's definition gives.
    """
    families = read_adjusted(path)
    family = next((f for f in families if f.asked.name == asked.name), None)
    if family is None:
        raise ReferenceUnavailable(
            f"no recorded adjustment of {asked.name} in {path}; `harness record PLAN` makes it"
        )
    kept = family.asked
    if kept.method != asked.method:
        _refuse(path, f"{asked.name} is adjusted by {kept.method}, not {asked.method}")
    if kept.tests != asked.tests:
        _refuse(path, f"the tests of {asked.name} are others")
    if kept.p_values != asked.p_values:
        place = next(k for k, p in enumerate(kept.p_values) if p != asked.p_values[k])
        _refuse(
            path,
            f"p of {asked.tests[place]} is {kept.p_values[place]!r} in it, "
            f"{asked.p_values[place]!r} in the model's own record",
        )
    if why := contradiction(family):
        _refuse(path, why)
    return family


def contradiction(family: AdjustedByR) -> str:
    """What is wrong with an answer, by the definition of its method; empty if nothing is."""
    asked = family.asked
    right = adjusted_p(asked.p_values, asked.method).tolist()
    for test, kept, here in zip(asked.tests, family.p_adjusted, right, strict=True):
        if abs(kept - here) > DEFINITION_LIMIT * here:
            return (
                f"the adjusted p of {test} is {kept!r} in it, {asked.method} of its p values "
                f"gives {here!r}"
            )
    return ""


def read_adjusted(path: Path) -> tuple[AdjustedByR, ...]:
    """Every family in a file that is whole and unaltered.

    Raises:
        ReferenceUnavailable: there is no such file.
        RecordRefused: it is not JSON, lacks a field, or its seal does not hold.
    """
    try:
        raw = parse_json(regular_bytes(path))
    except FileNotFoundError:
        raise ReferenceUnavailable(
            f"no recorded adjustments {path}; `harness record PLAN` makes them"
        ) from None
    except (OSError, NotStrictJson) as error:
        _refuse(path, f"it cannot be read ({error})")
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        _refuse(path, f"it is no record of adjusted p values of format {FORMAT}")
    if tuple(sorted(raw)) != tuple(sorted(_FIELDS)):
        _refuse(path, f"its fields are not {', '.join(_FIELDS)}")
    if not sealed(raw):
        _refuse(path, "it was altered after it was written (its sha256 does not agree)")
    try:
        return tuple(_from_json(family) for family in raw["families"])
    except (KeyError, TypeError, ValueError) as error:
        _refuse(path, f"a field is missing or malformed ({error})")


def _as_json(family: AdjustedByR) -> dict[str, Any]:
    asked = family.asked
    rows = zip(asked.tests, asked.p_values, family.p_adjusted, strict=True)
    tests = [dict(zip(_TEST, row, strict=True)) for row in rows]
    return dict(zip(_FAMILY, (asked.name, asked.method, tests), strict=True))


def _from_json(raw: dict[str, Any]) -> AdjustedByR:
    name, method, tests = (raw[field] for field in _FAMILY)
    columns: list[Sequence[Any]] = [[test[field] for test in tests] for field in _TEST]
    names, p_values, p_adjusted = columns
    for number in (*p_values, *p_adjusted):
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0 <= number <= 1:
            raise ValueError(f"{number!r} is no p value")
    adjusted_p([], method)
    asked = PValues(str(name), method, tuple(map(str, names)), tuple(map(float, p_values)))
    return AdjustedByR(asked, tuple(map(float, p_adjusted)))


def _refuse(path: Path, why: str) -> NoReturn:
    raise RecordRefused(
        f"recorded adjustments {path} refused: {why}; `harness record PLAN` makes them anew with R",
        reason=why,
    )
