"""A recorded reference: R's answer to one model, with everything needed to distrust it.

One JSON file a model, ``reference/<key slug>.json``. It holds the request without the data, the
hash of the data as they were sent, R's answer at full precision (every double reads back bit for
bit), the versions, the hash of the R scripts, and a seal over all of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd

from harness.atomic import write_text
from harness.engines.r.answer import AnswerError, estimates_from_json
from harness.engines.r.columns import columns_of, frame_sha256
from harness.engines.r.request import asked_besides, extras
from harness.engines.r.scripts import scripts_sha256
from harness.engines.r.seal import seal as _seal
from harness.engines.r.seal import sealed as _sealed
from harness.engines.r.seal import without as _without
from harness.errors import RecordRefused, ReferenceUnavailable
from harness.models.record import Estimates, as_json
from harness.models.spec import ModelKey, ModelSpec
from harness.strict_json import NotStrictJson, parse_json, regular_bytes

ADJUSTED = "adjusted.json"
"""Beside the records: no model's name, which has dots. See ``adjusted.py``."""
FORMAT = 1
_FIELDS = ("format", "key", "model", "data", "scripts_sha256", "date", "answer", "sha256")


@dataclass(frozen=True, slots=True)
class Record:
    """A recorded reference that is whole; whether it fits a model and its data is asked later.

    Attributes:
        path: the file.
        key: which model of the plan it was recorded for.
        model: the request without the data (see ``model_identity``).
        columns_sha256: hash of the model's columns as sent to R.
        file_sha256: hash of the study's data file, or None when it was not given.
        scripts_sha256: hash of the R scripts that answered.
        date: day of the recording, ISO 8601, UTC.
        estimates: the answer.
    """

    path: Path
    key: ModelKey
    model: dict[str, Any]
    columns_sha256: str
    file_sha256: str | None
    scripts_sha256: str
    date: str
    estimates: Estimates


def model_identity(spec: ModelSpec) -> dict[str, Any]:
    """What was asked, without the data; choices a linear model ignores are set to what it does."""
    df_method: str = spec.df_method
    linear = spec.method in ("lm", "survreg")
    if linear and df_method != "z":
        df_method = "z" if spec.method == "survreg" else "residual"
    return {
        "formula": spec.formula.text,
        "reml": spec.reml and not linear,
        "df_method": df_method,
        "conf_level": spec.conf_level,
        **extras(spec),
        **asked_besides(spec),
    }


def columns_sha256(spec: ModelSpec, frame: pd.DataFrame) -> str:
    """The hash of the columns a model uses: names, types, levels and values, row by row."""
    return frame_sha256(columns_of(frame, spec.columns))


def write_record(
    folder: Path,
    key: ModelKey,
    spec: ModelSpec,
    frame: pd.DataFrame,
    estimates: Estimates,
    data_sha256: str | None = None,
) -> Path:
    """Record a reference, atomically; a record that would differ only in its date stays as it is.

    Args:
        folder: the study's ``reference`` folder; made if need be.
        key: names the file.
        spec: what was asked.
        frame: the rows R was given.
        estimates: what R answered.
        data_sha256: hash of the study's data file.

    Returns:
        The file.

    Raises:
        RecordRefused: another model's record already has this file name.
        DataError: the file cannot be written; the old one, if any, is still there.
    """
    record: dict[str, Any] = {
        "format": FORMAT,
        "key": as_json(key),
        "model": model_identity(spec),
        "data": {"columns_sha256": columns_sha256(spec, frame), "file_sha256": data_sha256},
        "scripts_sha256": scripts_sha256(),
        "date": datetime.now(UTC).date().isoformat(),
        "answer": as_json(estimates),
    }
    path = folder / f"{key.slug}.json"
    old = _readable(path)
    if old is not None:
        if old.get("key", record["key"]) != record["key"]:
            raise RecordRefused(
                f"{path} is the record of another model ({old['key']}): rename one of them"
            )
        if _without(old, "date", "sha256") == _without(record, "date") and _sealed(old):
            return path
    record["sha256"] = _seal(record)
    return write_text(
        path, json.dumps(record, ensure_ascii=False, allow_nan=False, indent=1) + "\n"
    )


def read_record(path: Path) -> Record:
    """Read a record and check that it is whole and unaltered.

    Raises:
        ReferenceUnavailable: there is no such file.
        RecordRefused: it is not JSON, lacks a field, or its seal does not hold.
    """
    try:
        state = path.stat()
    except OSError:
        raise ReferenceUnavailable(f"no recorded reference {path}") from None
    return _read(path, state.st_mtime_ns, state.st_size)


def find_record(
    folder: Path,
    spec: ModelSpec,
    frame: pd.DataFrame,
    key: ModelKey | None = None,
    sent: str | None = None,
) -> Record:
    """The record of a model on exactly these data.

    Args:
        folder: the study's ``reference`` folder.
        spec: the model.
        frame: the rows to be analysed.
        key: which model of the plan; without it, any record of the same model and data serves.
        sent: the hash of the model's columns, where the caller has it already.

    Raises:
        ReferenceUnavailable: nothing was recorded for the model.
        RecordRefused: what was recorded is corrupt or belongs to other data or another model.
    """
    wanted, sent = model_identity(spec), sent or columns_sha256(spec, frame)
    if key is not None:
        path = folder / f"{key.slug}.json"
        record = read_record(path)
        if record.key != key:
            refuse_record(path, f"it was recorded for {record.key}")
        for name in dict.fromkeys((*wanted, *record.model)):
            theirs, ours = record.model.get(name), wanted.get(name)
            if theirs != ours:
                refuse_record(path, f"its {name} is {theirs!r}, the model's is {ours!r}")
        if record.columns_sha256 != sent:
            refuse_record(path, "the data have changed since")
        return record
    refusals: list[str] = []
    others: list[Path] = []
    for path in sorted(set(folder.glob("*.json")) - {folder / ADJUSTED}):
        try:
            record = read_record(path)
        except RecordRefused as error:
            refusals.append(str(error))
            continue
        if record.model == wanted:
            if record.columns_sha256 == sent:
                return record
            others.append(path)
    if others:
        refuse_record(others[0], "the data are not those it was recorded for")
    if refusals:
        raise RecordRefused(refusals[0])
    raise ReferenceUnavailable(
        f"no recorded reference for `{spec.formula.text}` on these data in {folder}"
    )


@lru_cache(maxsize=4096)
def _read(path: Path, modified: int, size: int) -> Record:
    """Parse and check; cached while the file's time and size stay the same."""
    try:
        raw = parse_json(regular_bytes(path))
    except (OSError, NotStrictJson) as error:
        refuse_record(path, f"it cannot be read ({error})")
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        refuse_record(path, f"it is not a reference record of format {FORMAT}")
    if missing := [name for name in _FIELDS if name not in raw]:
        refuse_record(path, f"it lacks {', '.join(missing)}")
    if unknown := sorted(set(raw) - set(_FIELDS)):
        refuse_record(path, f"it has the unknown field {unknown[0]}")
    if not _sealed(raw):
        refuse_record(path, "it was altered after it was written (its sha256 does not agree)")
    try:
        estimates = estimates_from_json(raw["answer"])
        record = Record(
            path=path,
            key=ModelKey(**raw["key"]),
            model=dict(raw["model"]),
            columns_sha256=raw["data"]["columns_sha256"],
            file_sha256=raw["data"]["file_sha256"],
            scripts_sha256=raw["scripts_sha256"],
            date=raw["date"],
            estimates=estimates,
        )
    except (AnswerError, KeyError, TypeError, ValueError) as error:
        refuse_record(path, f"a field is missing or malformed ({error})")
    if estimates.formula != record.model.get("formula"):
        refuse_record(path, f"its answer is for `{estimates.formula}`")
    return record


def refuse_record(path: Path, why: str) -> NoReturn:
    """Say of a record that it is not believed, and what makes it anew.

    Raises:
        RecordRefused: always; its ``reason`` is ``why``.
    """
    raise RecordRefused(
        f"recorded reference {path} refused: {why}; `harness record PLAN` makes it anew with R",
        reason=why,
    )


def _readable(path: Path) -> dict[str, Any] | None:
    """What is there already, if it is JSON at all; a corrupt record may be overwritten."""
    try:
        raw = parse_json(regular_bytes(path))
    except (OSError, NotStrictJson):
        return None
    return raw if isinstance(raw, dict) else None
