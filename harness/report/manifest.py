"""Provenance of a run: which bytes went in, what computed with them, when and how."""

from __future__ import annotations

import json
import locale
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from harness.data.hash import sha256_of_file
from harness.models.record import as_json

PACKAGES = (
    "lmm-harness",
    "numpy",
    "scipy",
    "pandas",
    "statsmodels",
    "great-expectations",
    "pydantic",
    "rpy2",
    "rpy2-rinterface",
    "rpy2-robjects",
)
THREADS = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "BLIS_NUM_THREADS",
)


@dataclass(frozen=True, slots=True)
class Environment:
    """The Python side of a run.

    Attributes:
        python: version of Python.
        packages: version of each package installed of those that could matter.
        blas: what numpy was built against: name and version.
        threads: thread variables that are set.
        locale: of the process, for sorting and numbers.
        platform: operating system and machine.
    """

    python: str
    packages: dict[str, str]
    blas: str
    threads: dict[str, str]
    locale: str
    platform: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What ``manifest.json`` holds.

    Attributes:
        study: id of the study.
        command: the command line.
        sha256: of each input: data, plan, suite, codebook; the instruments if it scores any.
        r_scripts: hash of each R script by name.
        environment: the Python side.
        r: version of R and of each R package, its BLAS, threads and locale; empty where R was not
            asked.
        reference: where the reference numbers came from, in words.
        reference_answers: how many models the reference answered, how many of these from the cache,
            and in words which at a second attempt and what else happened.
        seed: of anything random; None when nothing is.
        started: UTC time, ISO 8601.
        seconds: wall time by part.
        gate: the gate's verdict.
        exit_code: of the run.
    """

    study: str
    command: str
    sha256: dict[str, str]
    r_scripts: dict[str, str]
    environment: Environment
    r: dict[str, str]
    reference: str
    started: str
    gate: str
    exit_code: int
    seed: int | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    reference_answers: dict[str, Any] = field(default_factory=dict)


def manifest_json(manifest: Manifest) -> str:
    """The manifest as JSON text."""
    return (
        json.dumps(as_json(manifest), ensure_ascii=False, allow_nan=False, indent=1, default=str)
        + "\n"
    )


def environment() -> Environment:
    """Describe this process."""
    return Environment(
        python=platform.python_version(),
        packages={name: version for name in PACKAGES if (version := _version(name))},
        blas=_blas(),
        threads={name: os.environ[name] for name in THREADS if name in os.environ},
        locale=".".join(part for part in locale.getlocale() if part) or "C",
        platform=platform.platform(),
    )


def sha256_by_name(paths: Iterable[str | Path]) -> dict[str, str]:
    """Hashes of several files by file name, sorted."""
    return {Path(path).name: sha256_of_file(path) for path in sorted(paths, key=str)}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _blas() -> str:
    import numpy as np

    built: Any = np.show_config(mode="dicts")
    found = built.get("Build Dependencies", {}).get("blas", {}) if isinstance(built, dict) else {}
    return " ".join(str(found[key]) for key in ("name", "version") if key in found) or "unknown"
