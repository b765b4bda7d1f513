"""The flow of patients as people read it: a line, notes and tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harness.compare.verdict import Verdict
from harness.report.views import Line

if TYPE_CHECKING:
    from harness.sets.flow import ByArm, Flow, ModelCounts, VisitCounts

FLOW_TITLE = "Flow of patients"
MODELS_TITLE = "Patients used"
MOST_NOTES = 4
MOST_NAMES = 4


def flow_sentence(flow: Flow) -> str:
    """Randomised and seen, in one line: ``70 randomised (TAU 35, MBSR 35); seen at pre: ...``."""
    seen = ", ".join(f"{visit.time}: {_plus(visit.seen)}" for visit in flow.visits)
    arms = ", ".join(f"{arm} {n}" for arm, n in zip(flow.arms, flow.randomised, strict=True))
    return f"patients: {sum(flow.randomised)} randomised ({arms}); seen at {seen}"


def flow_notes(flow: Flow) -> list[str]:
    """What a reader must know, a few lines at most."""
    notes = [f"flow: {note}" for note in flow.notes]
    more = len(notes) - MOST_NOTES
    if more <= 0:
        return notes
    s = "" if more == 1 else "s"
    return [*notes[:MOST_NOTES], f"flow: {more} more note{s} in report.html"]


def flow_definition(flow: Flow) -> str:
    """What being seen and being lost mean in the table."""
    return (
        f"Seen at a visit: a value of {_few(flow.seen_by)}. Lost: never seen again. "
        "Randomised: every patient with a row in the data."
    )


def flow_header(flow: Flow) -> tuple[str, ...]:
    """Above :func:`flow_lines`."""
    return ("patients", *flow.arms, "all")


def flow_lines(flow: Flow) -> list[Line]:
    """Randomised; seen, missed and lost by visit; dispositions; patients and rows of each set."""
    rows = [("randomised", flow.randomised)]
    for visit in flow.visits:
        rows += _visit(visit)
    rows += [(f"disposition: {what}", count) for what, count in flow.dispositions]
    for one in flow.sets:
        rows += [(f"set {one.name}", one.patients), (f"set {one.name}, rows", one.rows)]
    return [Line((what, *map(str, count), str(sum(count))), Verdict.MATCH) for what, count in rows]


def models_header(flow: Flow) -> tuple[str, ...]:
    """Above :func:`models_lines`."""
    visits = (f"at {visit.time}" for visit in flow.visits)
    return ("models", "set", "rows", *flow.arms, *visits, "of the set, without any value of")


def models_lines(flow: Flow) -> list[Line]:
    """Patients used, a line for all models that use the same numbers of them."""
    of_set = {one.name: one.patients for one in flow.sets}
    groups: dict[object, list[ModelCounts]] = {}
    for model in flow.models:
        # Models that lack one column each in as many patients are one line.
        counts = tuple(count for _, count in model.lacking)
        key = (model.set, model.n_rows, model.patients, model.at_visits, counts)
        groups.setdefault(key, []).append(model)
    lines = []
    for models in groups.values():
        first, others = models[0], len(models) - 1
        more = f" and {others} other{'s' if others > 1 else ''}" if others else ""
        used = zip(first.patients, of_set[first.set], strict=True)
        lacking = [
            f"{name or 'all at once'} ({n})" for model in models for name, n in model.lacking
        ]
        cells = (
            *(first.place + more, first.set, str(first.n_rows)),
            *(f"{count} of {whole}" for count, whole in used),
            *map(_plus, first.at_visits),
            _few(tuple(dict.fromkeys(lacking))),
        )
        lines.append(Line(cells, Verdict.MATCH))
    return lines


def _visit(visit: VisitCounts) -> Iterator[tuple[str, ByArm]]:
    before = f"lost before {visit.time}"
    if any(visit.lost):
        yield before, visit.lost
        for reason, count in visit.reasons:
            yield f"{before}: {reason}", count
    yield f"seen at {visit.time}", visit.seen
    if any(visit.missed):
        yield f"missed {visit.time}, seen later", visit.missed
    empty = tuple(row - seen for row, seen in zip(visit.with_row, visit.seen, strict=True))
    if any(empty):
        yield f"a row and no value at {visit.time}", empty


def _few(names: Sequence[str]) -> str:
    """The first names: ``a, b or 4 more``."""
    shown, more = list(names[:MOST_NAMES]), len(names) - MOST_NAMES
    shown += [f"{more} more"] if more > 0 else []
    return " or ".join(filter(None, (", ".join(shown[:-1]), *shown[-1:])))


def _plus(count: ByArm) -> str:
    return " + ".join(map(str, count))
