"""Load a plan: every problem at once, each with its line."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_origin

from pydantic import BaseModel, ValidationError

from harness.errors import PlanError, Problem
from harness.plan.check import check_plan
from harness.plan.document import (
    Listing,
    Path_,
    Scalar,
    Table,
    at_path,
    line_of,
    plain,
    read_document,
)
from harness.plan.published import check_published
from harness.plan.schema import Analysis, Plan
from harness.plan.sections.patients import SET_TAGS

_LEVELS: frozenset[Path_] = frozenset({("data", "arm", "levels"), ("data", "time", "levels")})


@dataclass(frozen=True, slots=True)
class LoadedPlan:
    """A plan file after reading, right or wrong.

    Attributes:
        file: its name as the user gave it.
        plan: the plan; where the file has mistakes, what is left without the mistaken parts,
            so that the rest can still be checked; None when too little is left.
        problems: what is wrong.
        tree: the file with its line numbers; None when it is not readable at all.
    """

    file: str
    plan: Plan | None
    problems: tuple[Problem, ...]
    tree: Table | None
    origin: tuple[int, ...] = ()

    def names(
        self, section: Literal["sets", "scores", "detection", "outliers", "derive"]
    ) -> tuple[str, ...]:
        """The names a section of the file gives, those of broken entries too."""
        node = None if self.tree is None else at_path(self.tree, (section,))
        return tuple(node.entries) if isinstance(node, Table) else ()

    def problem(self, path: Path_, message: str) -> Problem:
        """A problem at a place of the (salvaged) plan, with the line in the file."""
        if len(path) > 1 and path[0] == "analyses" and isinstance(path[1], int) and self.origin:
            path = ("analyses", self.origin[path[1]], *path[2:])
        line = None if self.tree is None else line_of(self.tree, path)
        return Problem(self.file, line, _dotted(path), message)


def load_plan(path: str | Path) -> Plan:
    """Load a plan and check everything that needs no data.

    Raises:
        PlanError: with every problem found.
    """
    loaded = read_plan(path)
    if loaded.problems or loaded.plan is None:
        raise PlanError(loaded.problems)
    return loaded.plan


def read_plan(path: str | Path) -> LoadedPlan:
    """Read a plan file and collect its problems instead of raising them."""
    path = Path(path)
    shown = str(path)
    tree, problems = read_document(path, shown)
    if tree is None:
        return LoadedPlan(shown, None, problems, None)
    found = list(problems)
    plan, origin = _validate(tree, shown, found)
    loaded = LoadedPlan(shown, plan, (), tree, origin)
    if plan is not None:
        plan._path = path
        check_plan(
            plan,
            loaded.names("sets"),
            lambda where, message: found.append(loaded.problem(where, message)),
        )
        if plan.published is not None:
            found.extend(check_published(path.parent / plan.published, loaded))
    ordered = sorted(dict.fromkeys(found), key=lambda problem: problem.line or 0)
    return LoadedPlan(shown, plan, tuple(ordered), tree, origin)


def _validate(
    tree: Table, shown: str, problems: list[Problem]
) -> tuple[Plan | None, tuple[int, ...]]:
    """Validate; on mistakes report them, take the mistaken parts out, and validate the rest."""
    data = plain(tree, _LEVELS | _visits(tree))
    if not isinstance(data, dict):
        return None, ()
    rest: dict[str, Any] = deepcopy(data)
    origin = _positions(rest)
    shape: type[Plan] = Plan
    while True:
        try:
            return shape.model_validate_json(json.dumps(rest)), origin
        except ValidationError as error:
            errors = [_in_file(details) for details in error.errors(include_url=False)]
        if shape is Plan:
            shape = _Remainder
            mended = _mend_keys(rest, errors)
            problems.extend(
                _explain(details, tree, shown)
                for details in errors
                if tuple(details["loc"]) not in mended and not (origin and _is_empty(details))
            )
            if mended:
                origin = _positions(rest)
                continue
        doomed = {place for details in errors if (place := _droppable(details)) is not None}
        if not doomed:
            return None, ()
        # Longest first, and later list items before earlier ones: positions stay true.
        for place in sorted(doomed, key=lambda p: [(str(s).rjust(9)) for s in p], reverse=True):
            if not _drop(rest, place):
                return None, ()
            if len(place) == 2 and place[0] == "analyses" and isinstance(place[1], int):
                origin = origin[: place[1]] + origin[place[1] + 1 :]


def _in_file(details: Any) -> dict[str, Any]:
    """An error at its place in the file: without the step that says which form a set has."""
    loc = tuple(details["loc"])
    if loc[:1] == ("sets",) and loc[2:3] in {(tag,) for tag in SET_TAGS}:
        loc = loc[:2] + loc[3:]
    return {**details, "loc": loc}


def _visits(tree: Table) -> frozenset[Path_]:
    """Where analyses name levels of time, which keep their spelling as those of the design do."""
    listed = at_path(tree, ("analyses",))
    count = len(listed.items) if isinstance(listed, Listing) else 0
    return frozenset(("analyses", position, "at") for position in range(count))


def _positions(data: dict[str, Any]) -> tuple[int, ...]:
    """Where each analysis stands in the file, before any is taken out."""
    raw = data.get("analyses")
    return tuple(range(len(raw))) if isinstance(raw, list) else ()


class _Remainder(Plan):
    """What is left of a plan whose mistaken parts were taken out: perhaps no analysis at all."""

    analyses: tuple[Analysis, ...] = ()


def _mend_keys(data: Any, errors: Sequence[Any]) -> set[Path_]:
    """Rename unknown keys to the missing ones they nearly spell; the places that were missing."""
    missing = {tuple(details["loc"]) for details in errors if details["type"] == "missing"}
    mended: set[Path_] = set()
    for details in errors:
        *section, key = details["loc"]
        if details["type"] != "extra_forbidden":
            continue
        known = [place[-1] for place in missing if place[:-1] == tuple(section)]
        for meant in difflib.get_close_matches(str(key), map(str, known), n=1):
            holder = data
            for step in section:
                holder = holder[step]
            if (*section, meant) not in mended:
                holder[meant] = holder.pop(key)
                mended.add((*section, meant))
    return mended


def _is_empty(details: Any) -> bool:
    """Whether this says that there is no analysis; not one of those written was sound, then."""
    return tuple(details["loc"]) == ("analyses",) and details["type"] == "too_short"


def _droppable(details: Any) -> Path_ | None:
    """The smallest part that can go so that the rest may still be valid."""
    loc: Path_ = tuple(details["loc"])
    named: tuple[Path_, ...] = (("scores",), ("detection",), ("outliers",), ("derive",))
    if details["type"] == "extra_forbidden":
        return loc
    if loc[:1] == ("analyses",) and len(loc) >= 2:
        optional = (
            *("moderators", "covariance", "reml", "df", "weights", "offset", "contrasts"),
            *("report", "means", "effect_size", "arms", "responder", "adjust", "probe"),
            *("robust", "scales", "winsor", "leave_one_out", "censored", "hypotheses"),
        )
        if len(loc) >= 3 and loc[2] in optional:
            return loc[:3]
        return loc[:2]
    if loc[:1] in (("sets",), *named) and len(loc) >= 2:
        return loc[:2]
    if loc[:1] in (("reference",), ("published",), ("flow",), *named):
        return loc[:1]
    if loc[:2] in (("data", "sha256"), ("study", "title"), ("study", "synthetic")):
        return loc[:2]
    if loc[:2] == ("gate", "parameters"):
        return loc[:2]
    return None


def _drop(data: Any, place: Path_) -> bool:
    for step in place[:-1]:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return True  # an ancestor is gone already
    if isinstance(data, dict):
        data.pop(place[-1], None)
    elif isinstance(data, list) and isinstance(place[-1], int) and place[-1] < len(data):
        del data[place[-1]]
    return True


def _explain(details: Any, tree: Table, shown: str) -> Problem:
    """One pydantic error in the words of the person who wrote the plan."""
    loc: Path_ = tuple(step for step in details["loc"] if step != "[key]")
    kind, context, given = details["type"], details.get("ctx", {}), details.get("input")
    node = at_path(tree, loc)
    match kind:
        case "extra_forbidden":
            known = _known_keys(loc[:-1])
            near = difflib.get_close_matches(str(loc[-1]), known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(known)}"
            message = f"unknown key; {hint}"
        case "missing":
            message = "is missing"
        case "literal_error":
            expected = str(context["expected"]).replace("'", "")
            allowed = expected.replace(" or ", ", ").split(", ")
            near = difflib.get_close_matches(str(given), allowed, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            message = f"is {expected}, not {_shown(given)}{hint}"
        case "string_type" if isinstance(node, Scalar) and node.value is not None:
            message = f'must be text; write "{node.text}" in quotes'
        case "string_type":
            message = "must be text" if given is not None else "has no value"
        case "tuple_type":
            message = "must be a list, in [ ] or one item a line behind `-`"
        case "model_type" | "dict_type" | "model_attributes_type":
            message = "must be a mapping of keys to values"
        case "too_short" | "string_too_short":
            least = context.get("min_length", 1)
            message = f"needs at least {least} {'entry' if least == 1 else 'entries'}"
        case "string_pattern_mismatch" if loc[-1] == "sha256":
            message = "is 64 hexadecimal digits in lower case"
        case "string_pattern_mismatch":
            message = f"{_shown(given)}: letters, digits, `-` and `_` only, at most 64"
        case "bool_type":
            message = f"is true or false, not {_shown(given)}"
        case "float_type" | "int_type":
            message = f"must be a number, not {_shown(given)}"
        case _:
            text = str(details["msg"])
            message = text[:1].lower() + text[1:]
    return Problem(shown, line_of(tree, loc), _dotted(loc), message)


def _known_keys(path: Path_) -> list[str]:
    """The keys that the section at ``path`` has."""
    model: Any = Plan
    named = False
    for step in path:
        if isinstance(step, int) or named:
            named = False  # a position, or a name of the user's own
            continue
        field = model.model_fields.get(step) if _is_model(model) else None
        if field is None:
            return []
        named = get_origin(field.annotation) is dict
        model = next(filter(_is_model, _within(field.annotation)), None)
    return list(model.model_fields) if _is_model(model) else []


def _within(annotation: Any) -> Iterator[Any]:
    """A type and those it is made of."""
    yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _within(part)


def _is_model(what: Any) -> bool:
    return isinstance(what, type) and issubclass(what, BaseModel)


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:59] + "…"


def _dotted(path: Path_) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text
