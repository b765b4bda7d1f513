"""Estimate files of every kind as numbers by key: what two files are joined by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.estimates.columns import KEYS
from harness.estimates.csv_file import SUFFIXES, PrintedNumber, read_csv_estimates
from harness.estimates.files import KeyedAnswer, read_answers
from harness.estimates.table import estimate_rows
from harness.estimates.written import Written
from harness.models.record import Answer, Estimates
from harness.models.spec import ModelKey

Numbers = Mapping[tuple[str, str, int], Written]


@dataclass(frozen=True, slots=True)
class ModelNumbers:
    """The numbers a file gives for one model by one engine.

    Attributes:
        key: the model, as far as the file names it.
        engine: who computed them; empty where the file does not say.
        numbers: by term, quantity and occurrence; empty where the engine gave no answer.
        df_method: empty where the file does not say.
        answer: the whole answer, where the file holds it.
    """

    key: ModelKey
    engine: str
    numbers: Numbers
    df_method: str = ""
    answer: Answer | None = None

    @property
    def formula(self) -> str:
        """The model's formula, where it is known."""
        return self.answer.formula if isinstance(self.answer, Estimates) else ""


@dataclass(frozen=True, slots=True)
class NumberFile:
    """A file's models.

    Attributes:
        path: as the user gave it.
        keys: which of analysis, set, outcome and moderator it names.
        models: in the order of the file.
    """

    path: str
    keys: tuple[str, ...]
    models: tuple[ModelNumbers, ...]

    @property
    def engines(self) -> tuple[str, ...]:
        """Whose answers the file holds."""
        return tuple(dict.fromkeys(model.engine for model in self.models))

    @property
    def quantities(self) -> frozenset[str]:
        """The quantities the file speaks of: those it has at least one number of."""
        return frozenset(quantity for model in self.models for _, quantity, _ in model.numbers)


def is_table(path: str | Path) -> bool:
    """Whether a file is read as a table; any other is read as JSON."""
    return Path(path).suffix.lower() in SUFFIXES


def read_numbers(path: str | Path) -> NumberFile:
    """Read an estimate file of any kind: ours in JSON, or a table.

    Raises:
        DataError: it is malformed; file and place are named.
    """
    if not is_table(path):
        answers = read_answers(path)
        single = len(answers) == 1 and not answers[0].key.analysis
        models = tuple(_of_answer(item) for item in answers)
        return NumberFile(str(path), () if single else KEYS, models)
    found = read_csv_estimates(path)
    groups: dict[tuple[ModelKey, str], list[PrintedNumber]] = {}
    for number in found.numbers:
        groups.setdefault((number.key, number.engine), []).append(number)
    return NumberFile(
        str(path),
        found.keys,
        tuple(
            ModelNumbers(
                key,
                engine,
                {(number.term, number.quantity, 0): number.written for number in group},
                next((number.df_method for number in group if number.df_method), ""),
            )
            for (key, engine), group in groups.items()
        ),
    )


def _of_answer(item: KeyedAnswer) -> ModelNumbers:
    answer = item.answer
    if not isinstance(answer, Estimates):
        return ModelNumbers(item.key, answer.engine, {}, "", answer)
    numbers = {row.key: Written(row.value) for row in estimate_rows(answer)}
    return ModelNumbers(item.key, answer.engine, numbers, answer.df_method, answer)
