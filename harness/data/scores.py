"""The plan's questionnaires on the data: checked against codebook and file, and scored."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pandas as pd

from harness.data.codebook import Codebook, Variable
from harness.plan.document import Path_
from harness.plan.schema import Plan
from harness.plan.scores import (
    answer_columns,
    broken_scores,
    direction_of,
    form_of,
    missing_rule,
    possible_columns,
    score_columns,
)
from harness.plan.sections.questionnaires import Score
from harness.scoring.instrument import Form, MissingRule
from harness.scoring.score import Scores, score

Report = Callable[[Path_, str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """One questionnaire of a study, scored from its answers.

    Attributes:
        name: of the plan's entry.
        instrument: its name.
        form: with the key that was used.
        rule: what became of missing answers.
        recoded: whether the file's reversed items are reversed already.
        items: columns of the answers, in the questionnaire's order.
        columns: each score's column.
        stored: the scores that the file has, too.
        decimals: to how many decimals those are rounded, if they are.
        scores: the scores themselves.
    """

    name: str
    instrument: str
    form: Form
    rule: MissingRule
    recoded: bool
    items: tuple[str, ...]
    columns: dict[str, str]
    stored: tuple[str, ...]
    decimals: int | None
    scores: Scores

    @property
    def added(self) -> tuple[str, ...]:
        """The scores that the file lacks."""
        return tuple(name for name in self.columns if name not in self.stored)


def add_scores(frame: pd.DataFrame, scored: Iterable[Scored]) -> pd.DataFrame:
    """The frame with the scores it lacks as columns; ``frame`` itself is not changed."""
    new = {
        one.columns[name]: pd.Series(one.scores.values[name], index=frame.index)
        for one in scored
        for name in one.added
    }
    return pd.concat([frame, pd.DataFrame(new)], axis=1) if new else frame


def check_scores(
    plan: Plan, codebook: Codebook, frame: pd.DataFrame, report: Report
) -> tuple[tuple[Scored, ...], set[str]]:
    """Check the entries of ``scores:`` against the data, and score those that are sound.

    Args:
        plan: perhaps with entries that are wrong in themselves; those are reported already.
        codebook: what columns there are.
        frame: the data, read.
        report: takes the problems.

    Returns:
        The scored questionnaires, and the columns that could not be scored.
    """
    wrong = broken_scores(plan)
    done: list[Scored] = []
    unscored = possible_columns(wrong)
    for name, entry in plan.scores.items():
        form = None if name in wrong else form_of(entry)
        if form is None:
            unscored |= set(entry.names.values())
            continue
        columns = score_columns(name, entry, form)
        items = answer_columns(entry, form.n_items)
        sound = _check_answers(entry, items, form, codebook, name, report)
        sound &= _check_stored(name, entry, columns, codebook, report)
        if not sound or not set(items) <= set(frame.columns):
            unscored |= set(columns.values())
            continue
        done.append(
            Scored(
                name=name,
                instrument=entry.instrument,
                form=form,
                rule=missing_rule(entry),
                recoded=entry.recoded,
                items=items,
                columns=columns,
                stored=tuple(one for one, column in columns.items() if column in frame.columns),
                decimals=entry.decimals,
                scores=score(form, frame[list(items)], missing_rule(entry), recoded=entry.recoded),
            )
        )
    return tuple(done), unscored - set(frame.columns)


def _check_answers(
    entry: Score,
    items: tuple[str, ...],
    form: Form,
    codebook: Codebook,
    name: str,
    report: Report,
) -> bool:
    """Whether there is a column of the right kind and coding for every item."""
    known = codebook.by_name
    here: Path_ = ("scores", name, "items")
    absent = [item for item in items if item not in known and item not in codebook.unread]
    if absent:
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        report(here, f"no column `{absent[0]}`{more} for {entry.instrument}")
    sound = not absent and all(item in known for item in items)
    for position, item in enumerate(items):
        if item not in known:
            continue
        where = (*here, "columns", position) if entry.items.columns is not None else here
        problem = _coding(known[item], form.ranges[position], entry.instrument)
        if problem:
            report(where, problem)
            return False  # the others of a scale are coded alike
    return sound


def _coding(variable: Variable, limits: tuple[int, int], instrument: str) -> str:
    """What the codebook says of an item that the questionnaire contradicts."""
    if not variable.numeric:
        return f"`{variable.name}` is of type {variable.type}; answers are numbers"
    low, high = limits
    wrong = [
        f"{given:g}"
        for given, allowed in ((variable.minimum, low), (variable.maximum, high))
        if given is not None and given != allowed
    ]
    if not wrong:
        return ""
    return (
        f"`{variable.name}` has {' and '.join(wrong)} as an end of its range (codebook, line "
        f"{variable.line}); answers to this item of {instrument} run from {low} to {high}"
    )


def _check_stored(
    name: str, entry: Score, columns: dict[str, str], codebook: Codebook, report: Report
) -> bool:
    """Whether the columns that hold these scores in the file can be compared with them."""
    known = codebook.by_name
    folded = {column.casefold(): column for column in known}
    direction = direction_of(entry)
    sound = True

    def complain(one: str, message: str) -> None:
        nonlocal sound
        sound = False
        report(("scores", name, "names", one) if one in entry.names else ("scores", name), message)

    for one, column in columns.items():
        variable = known.get(column)
        if variable is None:
            if (other := folded.get(column.casefold())) is not None:
                complain(one, f"the data have `{other}`; with names: {{{one}: {other}}} it is this")
            elif one in entry.names and column not in codebook.unread:
                complain(one, f"no column `{column}`; leave the name out and the score is added")
        elif not variable.numeric:
            complain(one, f"`{column}` is of type {variable.type}; a score is a number")
        elif variable.direction and one != "case" and variable.direction != direction:
            complain(
                one,
                f"`{column}` is {variable.direction} in the codebook (line {variable.line}), "
                f"{entry.instrument} {direction}",
            )
    return sound
