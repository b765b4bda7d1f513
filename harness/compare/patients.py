"""The patients that the flow counts in a model beside those that were fitted."""

from __future__ import annotations

from collections.abc import Iterable

from harness.language import quote_name
from harness.models.record import Answer, Estimates
from harness.models.spec import ModelTask
from harness.sets.counting import ModelColumns
from harness.sets.flow import Flow


def model_columns(tasks: Iterable[ModelTask]) -> tuple[ModelColumns, ...]:
    """What the flow needs to know of models."""
    return tuple(
        ModelColumns(
            *(task.key.place, task.key.set, _columns(task)),
            None if task.at is None else task.at.levels,
        )
        for task in tasks
    )


def uncounted(
    flow: Flow, answers: Iterable[tuple[ModelTask, Answer]], id_column: str
) -> tuple[str, ...]:
    """Where the flow and a fit do not use the same rows or patients, one line each.

    They may differ where a formula makes values missing (a logarithm of 0), which the flow does
    not see.

    Args:
        flow: with the models.
        answers: each model with an engine's answer.
        id_column: the patient's; compared where it is a grouping factor.
    """
    counted = {model.place: model for model in flow.models}
    said = []
    for task, answer in answers:
        model = counted[task.key.place]
        if not isinstance(answer, Estimates):
            continue
        fitted = answer.groups.get(quote_name(id_column), model.n_patients)
        if (answer.n_obs, fitted) != (model.n_rows, model.n_patients):
            said.append(
                f"{model.place}: {model.n_rows} rows of {model.n_patients} patients have every "
                f"value, {answer.engine} used {answer.n_obs} of {fitted}: "
                f"look at {answer.formula}"
            )
    return tuple(said)


def _columns(task: ModelTask) -> tuple[str, ...]:
    """The data's: an outcome on another scale is missing where the outcome is."""
    spec, scaled = task.spec, task.scaled
    own = {scaled.column: scaled.outcome} if scaled is not None else {}
    extra = tuple(name for name in (spec.weights, spec.offset) if name)
    if spec.repeated is not None:
        extra += (spec.repeated.subject, spec.repeated.visit)
    return tuple(dict.fromkeys(own.get(name, name) for name in (*spec.formula.columns, *extra)))
