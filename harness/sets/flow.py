"""The flow of patients as values: randomised, seen and lost, in each set, in each model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ByArm = tuple[int, ...]
"""A count in each arm, in the plan's order."""

MOST_COLUMNS = 3
"""Columns that a note names."""


@dataclass(frozen=True, slots=True)
class VisitCounts:
    """One visit. In each arm ``seen + missed + everybody lost so far`` are those randomised.

    Attributes:
        time: its level.
        with_row: patients with a row at it, seen or not.
        seen: patients with a value at it.
        missed: patients without one who are seen later.
        lost: patients seen at the visit before and never again (at the first: never seen).
        reasons: why those are lost; none where the plan names no column.
    """

    time: str
    with_row: ByArm
    seen: ByArm
    missed: ByArm
    lost: ByArm
    reasons: tuple[tuple[str, ByArm], ...] = ()


@dataclass(frozen=True, slots=True)
class SetCounts:
    """One analysis set.

    Attributes:
        name: as in the plan.
        patients: with at least one row in it.
        rows: in it.
        everybody: whether it is called intention to treat, or selects all rows.
    """

    name: str
    patients: ByArm
    rows: ByArm
    everybody: bool


@dataclass(frozen=True, slots=True)
class ModelCounts:
    """One model: the rows of its set that have a value in every column of its formula.

    Attributes:
        place: ``analysis/set/outcome[/moderator]``.
        set: name of its set.
        n_rows: rows used, those without an arm included.
        n_patients: patients used, those without an arm included.
        patients: used.
        at_visits: used, at each visit.
        lacking: columns of which some patients of the set that are not used have no value in any
            row, and how many patients; under an empty name those who have each, but never together.
    """

    place: str
    set: str
    n_rows: int
    n_patients: int
    patients: ByArm
    at_visits: tuple[ByArm, ...]
    lacking: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Flow:
    """A study's flow of patients.

    Attributes:
        arms: levels of the arm.
        randomised: patients with a row.
        seen_by: columns of which one value makes a visit.
        dispositions: what became of the patients; none where the plan names no column.
        visits: in the plan's order.
        sets: in the plan's order.
        models: those of the run.
        data_notes: what is odd in the data, one line each.
    """

    arms: tuple[str, ...]
    randomised: ByArm
    seen_by: tuple[str, ...]
    dispositions: tuple[tuple[str, ByArm], ...]
    visits: tuple[VisitCounts, ...]
    sets: tuple[SetCounts, ...]
    models: tuple[ModelCounts, ...]
    data_notes: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the counts, one line each."""
        return (*self.data_notes, *_set_notes(self), *_model_notes(self))

    def of_randomised(self, flow: ByArm) -> str:
        """A count beside those randomised: ``TAU 45 of 48, BtheB 52 of 52``."""
        each = zip(self.arms, flow, self.randomised, strict=True)
        return ", ".join(f"{arm} {count} of {whole}" for arm, count, whole in each)


def _set_notes(flow: Flow) -> list[str]:
    """Where sets do not select alike in all arms, and where intention to treat is not everybody."""
    notes = []
    for one in flow.sets:
        if one.everybody and one.patients != flow.randomised:
            notes.append(
                f"{one.name} has {sum(one.patients)} of {sum(flow.randomised)} randomised "
                f"({flow.of_randomised(one.patients)}): it is a modified intention to treat"
            )
            continue
        whole = [
            arm
            for arm, count, everybody in zip(flow.arms, one.patients, flow.randomised, strict=True)
            if count == everybody
        ]
        if whole and one.patients != flow.randomised:
            notes.append(
                f"{one.name} selects in some arms only ({flow.of_randomised(one.patients)}): "
                f"everybody of {', '.join(whole)} stays, so the arms are no longer alike by "
                "randomisation"
            )
    return notes


def _model_notes(flow: Flow) -> list[str]:
    """Models by intention to treat that leave out patients of their set."""
    everybody = {one.name: one.patients for one in flow.sets if one.everybody}
    found: dict[tuple[str, ByArm], list[ModelCounts]] = {}
    for model in flow.models:
        if model.set in everybody and model.patients != everybody[model.set]:
            found.setdefault((model.set, model.patients), []).append(model)
    return [_note(flow, name, models) for (name, _), models in found.items()]


def _note(flow: Flow, name: str, models: Sequence[ModelCounts]) -> str:
    columns = list(dict.fromkeys(c for model in models for c, _ in model.lacking if c))
    shown = ", ".join(f"`{column}`" for column in columns[:MOST_COLUMNS])
    shown += f" and {len(columns) - MOST_COLUMNS} more" if len(columns) > MOST_COLUMNS else ""
    others = len(models) - 1
    more = f" and {others} other model{'s' if others > 1 else ''}" if others else ""
    first = models[0]
    return (
        f"{name} uses {sum(first.patients)} of {sum(flow.randomised)} randomised "
        f"({flow.of_randomised(first.patients)}) in {first.place}{more}, for want of "
        f"{shown or 'a complete row'}: it is a modified intention to treat"
    )
