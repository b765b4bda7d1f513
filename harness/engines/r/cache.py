"""What this very R has answered before, kept on this machine: nothing is fitted in R twice.

An answer is kept under the hash of everything it depends on: the data as sent, the model, the R
scripts, and the installation bit by bit. It is a record like those of a study (``record.py``)
and is trusted no further: one that does not verify itself is dropped, fitted anew, and said.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pandas as pd

from harness.engines.r.adjusted import AdjustedByR, PValues, find_adjusted, write_adjusted
from harness.engines.r.adjusted import contradiction as contradicted
from harness.engines.r.channel import Parts
from harness.engines.r.home import find_r
from harness.engines.r.installation import (
    Installation,
    forget_installation,
    known_installation,
    learn_installation,
    remember_installation,
)
from harness.engines.r.record import columns_sha256, find_record, model_identity, write_record
from harness.engines.r.recorded import CriterionAt, contradiction
from harness.engines.r.scripts import scripts_sha256
from harness.errors import DataError, RecordRefused, ReferenceUnavailable
from harness.models.record import Estimates
from harness.models.spec import ModelKey, ModelSpec

VARIABLE = "HARNESS_CACHE"
OFF = "off"
LIMIT_BYTES = 200_000_000
"""Beyond this the answers not used for longest are removed, until a tenth is free again."""
_STALE_SECONDS = 3600.0


def cache_folder() -> Path | None:
    """Where answers are kept: ``HARNESS_CACHE``, else the user's cache; None when it is ``off``."""
    named = os.environ.get(VARIABLE, "")
    if named == OFF:
        return None
    if named:
        return Path(named).expanduser().absolute()
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():
        try:
            base = Path.home() / ".cache"
        except RuntimeError:
            return None
    return base / "lmm-harness"


@dataclass(frozen=True, slots=True)
class CacheSize:
    """How many answers a cache holds, and how many bytes it takes."""

    answers: int
    bytes: int


def cache_size(folder: Path) -> CacheSize:
    """Count the answers kept in a cache folder; one that is not there has none."""
    names = ("answers", "adjusted", "installations")
    answers, *others = (_entries(folder / name) for name in names)
    return CacheSize(len(answers), sum(size for part in (answers, *others) for _, size, _ in part))


@dataclass(frozen=True, slots=True)
class _Found:
    """What a cache holds for a model: an answer, or why what is there is none; or nothing."""

    path: Path
    answer: Estimates | None = None
    why: str = ""


class ReferenceCache:
    """R's earlier answers on this machine.

    Args:
        folder: where they are kept; made if need be.
        criterion_at: evaluates a criterion in Python, by which each answer is verified.

    Several processes and threads may use one folder: files are written beside and renamed.
    """

    def __init__(self, folder: Path, criterion_at: CriterionAt) -> None:
        self._answers, self._installations = folder / "answers", folder / "installations"
        self._adjusted = folder / "adjusted"
        self._criterion_at = criterion_at
        self._installation: Installation | None = None
        self._scripts = ""
        self._notes: list[str] = []
        self._lock = threading.Lock()
        self._written, self._readonly = False, False

    @property
    def installation(self) -> Installation | None:
        """The R whose answers are replayed; None where it is not known."""
        return self._installation

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know, one line each: entries dropped, a folder not writable."""
        return tuple(self._notes)

    def recognise(self) -> bool:
        """Whether the R here is one that answered before and has not changed since.

        Raises:
            ReferenceUnavailable: there is no R.
        """
        self._scripts = scripts_sha256()
        self._installation = known_installation(self._installations, find_r())
        return self._installation is not None

    def learn(self, parts: Parts | None, versions: dict[str, str]) -> None:
        """Take the identity of an R that has just started, for this run and the next.

        Args:
            parts: what it consists of; without it nothing is kept.
            versions: what it said of itself.
        """
        home, self._scripts = find_r(), scripts_sha256()
        found = learn_installation(parts, versions, home) if parts else None
        self._installation = found
        if found is not None:
            try:
                remember_installation(self._installations, home, found)
            except DataError as error:
                self._give_up(str(error))

    def forget(self) -> None:
        """Have the next run start R before it believes anything: this one does not start."""
        self._installation = None
        with suppress(ReferenceUnavailable):
            forget_installation(self._installations, find_r())

    def get(self, spec: ModelSpec, frame: pd.DataFrame) -> Estimates | None:
        """The answer kept for a model on these data; ``versions["cached"]`` says from which day.

        What is kept and does not verify itself is dropped, and that is noted.

        Raises:
            DataError: a column is missing or of a type R cannot be sent.
        """
        found = self._found(spec, frame)
        if found.why:
            with suppress(OSError):
                found.path.unlink(missing_ok=True)
            self._note(f"cached reference {found.path} dropped and fitted anew: {found.why}")
        return found.answer

    def peek(self, spec: ModelSpec, frame: pd.DataFrame) -> Estimates | None:
        """What ``get`` gives where it has nothing to say; nothing is dropped and nothing noted.

        Raises:
            DataError: as ``get``.
        """
        return self._found(spec, frame).answer

    def _found(self, spec: ModelSpec, frame: pd.DataFrame) -> _Found:
        installation = self._installation
        if installation is None:
            return _Found(self._answers)
        sent = columns_sha256(spec, frame)
        key = self._key(installation, spec, sent)
        path = self._answers / f"{key.slug}.json"
        try:
            record = find_record(self._answers, spec, frame, key, sent)
        except ReferenceUnavailable:
            return _Found(path)
        except RecordRefused as error:
            return _Found(path, why=error.reason or str(error))
        found = record.estimates
        if why := contradiction(found, spec, frame, self._criterion_at):
            return _Found(path, why=why)
        if not _says(found, installation):
            return _Found(path, why="its versions are not those of the R here")
        with suppress(OSError):
            os.utime(path)  # the ones not used for longest go first
        return _Found(path, replace(found, versions={**found.versions, "cached": record.date}))

    def put(self, spec: ModelSpec, frame: pd.DataFrame, answer: Estimates) -> None:
        """Keep an answer, if it is this installation's and would be believed when read back."""
        installation = self._installation
        if (
            installation is None
            or self._readonly
            or not _says(answer, installation)
            or contradiction(answer, spec, frame, self._criterion_at)
            or not installation.unchanged
        ):
            return
        key = self._key(installation, spec, columns_sha256(spec, frame))
        try:
            write_record(self._answers, key, spec, frame, answer)
            self._written = True
        except (DataError, RecordRefused) as error:
            self._give_up(str(error))

    def get_adjusted(self, asked: PValues) -> AdjustedByR | None:
        """The answer kept for a family's p values."""
        installation = self._installation
        if installation is None:
            return None
        path = self._place_of(installation, asked)
        try:
            found = find_adjusted(path, asked)
        except ReferenceUnavailable:
            return None
        except RecordRefused as error:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            self._note(f"cached adjustment {path} dropped and asked anew: {error.reason}")
            return None
        with suppress(OSError):
            os.utime(path)
        return found

    def put_adjusted(self, answer: AdjustedByR) -> None:
        """Keep the answer to a family, if it would be believed when read back."""
        installation = self._installation
        if installation is None or self._readonly or contradicted(answer):
            return
        path = self._place_of(installation, answer.asked)
        try:
            write_adjusted(path, [answer], installation.versions)
            self._written = True
        except DataError as error:
            self._give_up(str(error))

    def _place_of(self, installation: Installation, asked: PValues) -> Path:
        depends_on = [installation.identity, self._scripts, asdict(asked)]
        plain = json.dumps(depends_on, sort_keys=True, ensure_ascii=True)
        return self._adjusted / f"{hashlib.sha256(plain.encode('ascii')).hexdigest()}.json"

    def close(self) -> None:
        """Keep the folder within its bounds, if anything was added to it."""
        if self._written:
            trim(self._answers, LIMIT_BYTES)
            trim(self._adjusted, LIMIT_BYTES // 20)
            trim(self._installations, LIMIT_BYTES // 20)

    def _key(self, installation: Installation, spec: ModelSpec, sent: str) -> ModelKey:
        depends_on = {
            "installation": installation.identity,
            "scripts": self._scripts,
            "model": model_identity(spec),
            "columns": sent,
        }
        plain = json.dumps(depends_on, sort_keys=True, ensure_ascii=True)
        return ModelKey("cache", hashlib.sha256(plain.encode("ascii")).hexdigest(), "answer")

    def _give_up(self, why: str) -> None:
        self._readonly = True  # what is there already can still be read
        self._note(f"R's answers are not kept for the next run: {why}")

    def _note(self, line: str) -> None:
        with self._lock:
            if line not in self._notes:
                self._notes.append(line)


def _says(answer: Estimates, installation: Installation) -> bool:
    """Whether an answer is of this R; it may name packages that its question needed besides."""
    return installation.versions.items() <= answer.versions.items()


def trim(folder: Path, limit: int) -> None:
    """Remove the files not used for longest while a folder holds more than ``limit`` bytes.

    Args:
        folder: of a cache; leftovers of writers that were killed go in any case.
        limit: bytes.
    """
    entries = sorted(_entries(folder))
    total = sum(size for _, size, _ in entries)
    if total > limit:
        for _, size, path in entries:
            if total <= 0.9 * limit:
                break
            with suppress(OSError):
                path.unlink(missing_ok=True)
            total -= size
    for left in folder.glob(".*.tmp"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _STALE_SECONDS:
                left.unlink()


def _entries(folder: Path) -> list[tuple[int, int, Path]]:
    """When last used, size and path of each file kept."""
    found = []
    for path in folder.glob("*.json"):
        with suppress(OSError):
            state = path.stat()
            found.append((state.st_mtime_ns, state.st_size, path))
    return found
