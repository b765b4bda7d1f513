"""Estimate files: ``harness fit --json`` (one answer) and ``estimates.json`` of a run (all)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from harness.atomic import write_text
from harness.errors import DataError
from harness.estimates.record import from_record, to_record
from harness.models.decode import JsonValue, MalformedRecord
from harness.models.record import Answer, Estimates, NotComputed, as_json
from harness.models.spec import ModelKey
from harness.strict_json import NotStrictJson, parse_json, regular_bytes

FORMAT_VERSION = 1
_KEY = tuple(field.name for field in fields(ModelKey))


@dataclass(frozen=True, slots=True)
class KeyedAnswer:
    """An engine's answer and the model of the plan it answers."""

    key: ModelKey
    answer: Answer


def fit_json(estimates: Estimates) -> str:
    """The contract's record of one fit as JSON text; doubles read back bit for bit."""
    return _text(to_record(estimates))


def write_fit(path: str | Path, estimates: Estimates) -> Path:
    """Write one fit as ``harness fit --json`` prints it."""
    return write_text(path, fit_json(estimates))


def run_json(answers: Iterable[KeyedAnswer], *, study: str = "") -> str:
    """Every answer of a run, refusals included: the text of ``estimates.json``."""
    models = ({**as_json(item.key), "answer": to_record(item.answer)} for item in answers)
    head = {"version": FORMAT_VERSION, "study": study}
    return listed_json(head, "models", models)


def write_run(path: str | Path, answers: Iterable[KeyedAnswer], *, study: str = "") -> Path:
    """Write what :func:`run_json` gives."""
    return write_text(path, run_json(answers, study=study))


def listed_json(head: dict[str, Any], name: str, entries: Iterable[dict[str, Any]]) -> str:
    """JSON of a few facts and then a long list under ``name``, one entry a line.

    A line an entry is what a diff or a search wants, and ten times faster than indented text.
    """
    lines = ",\n  ".join(map(_LINE.encode, entries))
    listed = f"[\n  {lines}\n ]" if lines else "[]"
    first = json.dumps(head, ensure_ascii=False, allow_nan=False, indent=1).removesuffix("\n}")
    return f'{first},\n "{name}": {listed}\n}}\n'


def read_fit(path: str | Path) -> Estimates:
    """Read a file of one fit.

    Raises:
        DataError: when it is not one, naming file and key.
    """
    with _naming(path):
        answer = from_record(_read(path))
    if isinstance(answer, NotComputed):
        raise DataError(f"{path}: {answer.engine} gave no estimates: {answer.reason}")
    return answer


def read_answers(path: str | Path) -> tuple[KeyedAnswer, ...]:
    """Read an estimate file of either kind.

    A file of one fit gives one answer, keyed by nothing but its outcome.

    Raises:
        DataError: when it is neither, naming file and key; also when a model has two answers
            of one engine, or there is no answer at all.
    """
    with _naming(path):
        return _answers(_read(path))


def _answers(value: JsonValue) -> tuple[KeyedAnswer, ...]:
    if "models" not in value.members():
        answer = from_record(value)
        formula = answer.formula if isinstance(answer, Estimates) else ""
        return (KeyedAnswer(ModelKey("", "", formula.partition("~")[0].strip()), answer),)
    top = value.fields(("version", "models"), ("study",))
    if top["version"].count() != FORMAT_VERSION:
        top["version"].refuse(f"this harness reads version {FORMAT_VERSION}")
    answers = tuple(_keyed(item) for item in top["models"].items())
    if not answers:
        top["models"].refuse("holds no model")
    seen = set()
    for place, item in zip(top["models"].items(), answers, strict=True):
        name = (item.key, item.answer.engine)
        if name in seen:
            place.refuse(f"a second answer of {item.answer.engine} to {item.key.slug}")
        seen.add(name)
    return answers


def _read(path: str | Path) -> JsonValue:
    try:
        content = regular_bytes(Path(path))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    try:
        return JsonValue(parse_json(content))
    except NotStrictJson as error:
        raise DataError(error.at(path)) from error


@contextmanager
def _naming(path: str | Path) -> Iterator[None]:
    """Put the file in front of the key that is wrong in it."""
    try:
        yield
    except MalformedRecord as error:
        raise DataError(f"{path}: {error}") from error


def _exact(scalar: Any) -> Any:
    """An engine from outside may answer in numpy scalars; this is their exact Python value."""
    return scalar.item()


_LINE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_exact)


def _text(document: dict[str, Any]) -> str:
    return (
        json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1, default=_exact) + "\n"
    )


def _keyed(value: JsonValue) -> KeyedAnswer:
    got = value.fields((*_KEY, "answer"))
    return KeyedAnswer(
        ModelKey(**{name: got[name].text() for name in _KEY}), from_record(got["answer"])
    )
