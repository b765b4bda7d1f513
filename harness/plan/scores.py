"""The plan's questionnaires: which form, which columns, which scores, as far as needs no data."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterable

from harness.plan.document import Path_
from harness.plan.schema import Plan
from harness.plan.sections.questionnaires import Score
from harness.scoring.catalogue import instruments
from harness.scoring.instrument import Form, Instrument, MissingRule, ScoreDirection

Report = Callable[[Path_, str], None]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,63}")


def instrument_of(score: Score) -> Instrument:
    """The questionnaire of an entry."""
    return instruments()[score.instrument]


def form_of(score: Score) -> Form | None:
    """The form of an entry with the key that holds; None if the plan names no form there is."""
    form = instrument_of(score).form(score.version)
    if form is None or not score.key:
        return form
    return form.with_key(score.key, score.reversed or ())


def missing_rule(score: Score) -> MissingRule:
    """What becomes of missing answers."""
    return score.missing or instrument_of(score).missing[0]


def direction_of(score: Score) -> ScoreDirection | None:
    """Which way the scores go."""
    return score.direction or instrument_of(score).direction or None


def answer_columns(score: Score, n_items: int) -> tuple[str, ...]:
    """The columns of the answers, in the questionnaire's order."""
    items = score.items
    if items.columns is not None:
        return items.columns
    return tuple(
        f"{items.prefix}{number:0{items.width}d}{items.suffix}" for number in range(1, n_items + 1)
    )


def score_columns(name: str, score: Score, form: Form) -> dict[str, str]:
    """Each score of a form and the column that has, or gets, its values."""
    return {one: score.names.get(one, f"{name}_{one}") for one in form.scores}


def possible_columns(names: Iterable[str]) -> set[str]:
    """Every column that entries of these names could give, whichever instrument they meant."""
    known = {s for one in instruments().values() for form in one.forms for s in form.scores}
    return {f"{name}_{score}" for name in names for score in known}


def broken_scores(plan: Plan) -> set[str]:
    """Names of the entries in which something is wrong."""
    found: set[str] = set()
    check_scores(plan, lambda where, _: found.add(str(where[1])))
    return found


def check_scores(plan: Plan, report: Report) -> None:
    """Report what is wrong with the entries of ``scores:``."""
    data = plan.data
    taken = {
        name.casefold(): f"the design's `{name}`"
        for name in (data.id, data.arm.column, data.time.column)
    }
    taken |= {name.casefold(): f"the derived column `{name}`" for name in plan.derive}
    for name, score in plan.scores.items():
        here: Path_ = ("scores", name)
        if _NAME.fullmatch(name) is None:
            report(here, "is a letter, then letters, digits, `_` or `.`, at most 64")
            continue
        form = _check_form(score, here, report)
        if form is None:
            continue
        _check_items(score, form, here, report)
        _check_key(score, form, here, report)
        _check_names(name, score, form, here, taken, report)


def _check_form(score: Score, here: Path_, report: Report) -> Form | None:
    """The form without a key of the plan's; None if it is not said, or wrongly."""
    instrument = instrument_of(score)
    if score.direction is None and not instrument.direction:
        report(
            (*here, "direction"),
            f"is missing: of {score.instrument} both are in use, "
            "`higher is worse` and `higher is better`",
        )
    if instrument.direction and score.direction not in (None, instrument.direction):
        report((*here, "direction"), f"of {score.instrument} {instrument.direction}")
    if score.missing is not None and score.missing not in instrument.missing:
        known = ", ".join(instrument.missing)
        report((*here, "missing"), f"{score.instrument} has no rule `{score.missing}`; {known}")
    form = instrument.form(score.version)
    if form is None:
        versions = ", ".join(instrument.versions)
        report(
            (*here, "version"),
            f"{score.instrument} has {f'the versions {versions}' if versions else 'no versions'}"
            + (f", not `{score.version}`" if score.version else "; say which"),
        )
    return form


def _check_items(score: Score, form: Form, here: Path_, report: Report) -> None:
    items, here = score.items, (*here, "items")
    if (items.prefix is None) == (items.columns is None):
        report(here, "has either `prefix` or `columns`")
        return
    if items.columns is None:
        return
    for part in ("width", "suffix"):
        if part in items.model_fields_set:
            report((*here, part), "goes with `prefix`; leave it out")
    if len(items.columns) != form.n_items:
        report(
            (*here, "columns"),
            f"{len(items.columns)} columns; {score.instrument} has {form.n_items} items",
        )
    seen: set[str] = set()
    for position, column in enumerate(items.columns):
        if column in seen:
            report((*here, "columns", position), f"`{column}` stands twice")
        seen.add(column)


def _check_key(score: Score, form: Form, here: Path_, report: Report) -> None:
    if not score.key:
        if not form.keyed:
            report(
                (*here, "key"),
                f"is missing: which items make which part of {score.instrument} {form.version} "
                f"is not known here; give {', '.join(part.name for part in form.parts)}, "
                "and `reversed`",
            )
        elif score.reversed is not None:
            report((*here, "reversed"), "goes with `key`; leave it out")
        elif score.recoded and not form.reversed:
            report((*here, "recoded"), f"{score.instrument} has no reversed items; leave it out")
        return
    if score.reversed is None:
        report((*here, "reversed"), "is missing: with `key`, say which items are reversed, or []")
    parts = {part.name: part.size for part in form.parts}
    for name in score.key:
        if name not in parts:
            report((*here, "key", name), _no_such(name, tuple(parts)))
    for name, size in parts.items():
        given = score.key.get(name)
        if given is None:
            report((*here, "key"), f"`{name}` is missing")
        elif len(given) != size:
            report((*here, "key", name), f"{len(given)} items; there are {size}")
    numbers = [number for items in score.key.values() for number in items]
    for where, listed in (("key", numbers), ("reversed", list(score.reversed or ()))):
        twice = [number for number, times in Counter(listed).items() if times > 1]
        outside = [number for number in listed if not 1 <= number <= form.n_items]
        if twice:
            report((*here, where), f"item {twice[0]} stands twice")
        if outside:
            report((*here, where), f"item {outside[0]}; items are 1 to {form.n_items}")


def _check_names(
    name: str, score: Score, form: Form, here: Path_, taken: dict[str, str], report: Report
) -> None:
    for given in score.names:
        if given not in form.scores:
            report((*here, "names", given), _no_such(given, form.scores))
    items = answer_columns(score, form.n_items) if _said(score) else ()
    for one, column in score_columns(name, score, form).items():
        where = (*here, "names", one) if one in score.names else here
        if (by := taken.get(column.casefold())) is not None:
            report(where, f"`{column}` is {by} already")
        if column in items and len(items) > len(form.parts):
            report(where, f"`{column}` holds answers; it cannot be a score of them")
        taken[column.casefold()] = f"a score of `{name}`"


def _said(score: Score) -> bool:
    return (score.items.prefix is None) != (score.items.columns is None)


def _no_such(name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"no score `{name}`; " + (
        f"did you mean `{near[0]}`?" if near else f"there are {', '.join(known)}"
    )
