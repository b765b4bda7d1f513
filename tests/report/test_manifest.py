from __future__ import annotations

import hashlib
import json
import math
import platform
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import DataError
from harness.report.manifest import (
    Environment,
    Manifest,
    environment,
    manifest_json,
    sha256_by_name,
)

MANIFEST = Manifest(
    study="s",
    command="harness run p",
    sha256={},
    r_scripts={},
    environment=Environment("3.11", {}, "b", {}, "C", "Linux"),
    r={},
    reference="recorded",
    started="2026-01-02T03:04:05Z",
    gate="pass",
    exit_code=0,
)


def test_it_holds_what_the_contract_lists() -> None:
    read = json.loads(manifest_json(replace(MANIFEST, seconds={"gate": 0.5, "nan": math.nan})))
    assert set(read) >= {"sha256", "r_scripts", "environment", "r", "seed", "seconds", "gate"}
    assert set(read["environment"]) == {
        "python",
        "packages",
        "blas",
        "threads",
        "locale",
        "platform",
    }
    assert read["seconds"] == {"gate": 0.5, "nan": None}


def test_the_environment_is_this_process() -> None:
    here = environment()
    assert here.python == platform.python_version()
    assert {"numpy", "scipy", "pandas"} <= set(here.packages)
    assert here.blas != "unknown"
    assert here.threads["OPENBLAS_NUM_THREADS"] == "1"


def test_hashes_are_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "b.R").write_bytes(b"x\r\n")
    (tmp_path / "a.R").write_bytes(b"")
    found = sha256_by_name(tmp_path.glob("*.R"))
    assert list(found) == ["a.R", "b.R"]
    assert found["b.R"] == hashlib.sha256(b"x\r\n").hexdigest()
    with pytest.raises(DataError, match="cannot be read"):
        sha256_by_name([tmp_path / "none"])
