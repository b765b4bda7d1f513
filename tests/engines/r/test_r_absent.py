"""Without R, or with a broken one, the harness says so in one line and what to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from r_examples import SLEEP, sleepstudy, spec

from harness.engines.r.engine import RLiveEngine
from harness.engines.r.home import find_r
from harness.engines.r.installed import installed
from harness.engines.r.scripts import scripts_folder, scripts_sha256
from harness.errors import ReferenceUnavailable


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of one empty folder."""
    monkeypatch.delenv("R_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def put_r(folder: Path, script: str) -> None:
    (folder / "R").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (folder / "R").chmod(0o755)


def test_no_r_on_the_path(bin_folder: Path) -> None:
    with RLiveEngine() as engine:
        with pytest.raises(ReferenceUnavailable, match="apt-get install r-base-core") as missing:
            engine.fit(spec(SLEEP), sleepstudy())
        with pytest.raises(ReferenceUnavailable, match="R is not installed"):
            engine.start()
    assert missing.value.exit_code == 4
    assert "\n" not in str(missing.value)


def test_r_home_without_r(bin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("R_HOME", str(bin_folder))
    with pytest.raises(ReferenceUnavailable, match=r"R_HOME is .* correct or unset it"):
        find_r()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 3", "does not say where R is"),
        ("echo /nowhere", "says /nowhere, where there is no R"),
        ("true", "where there is no R"),
        ("exec /bin/sleep 60", "timed out"),
    ],
    ids=["fails", "elsewhere", "silent", "hangs"],
)
def test_an_r_that_does_not_answer(bin_folder: Path, script: str, reason: str) -> None:
    put_r(bin_folder, script)
    with pytest.raises(ReferenceUnavailable, match=reason):
        find_r(timeout=1.0)


def test_doctor_lists_what_is_missing_and_how_to_get_it(bin_folder: Path) -> None:
    parts = {part.name: part for part in installed()}
    assert parts["R"].install == "apt-get install r-base-core"
    assert parts["lmerTest"].install == "apt-get install r-cran-lmertest"
    assert not parts["R in a worker"].present
    assert "waits for R, lme4" in parts["R in a worker"].note


def test_doctor_survives_an_r_that_runs_but_fails(bin_folder: Path) -> None:
    home = bin_folder / "home"
    (home / "bin").mkdir(parents=True)
    put_r(home / "bin", "exit 1")
    (home / "bin" / "Rscript").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    (home / "bin" / "Rscript").chmod(0o755)
    put_r(bin_folder, f"echo {home}")
    parts = {part.name: part for part in installed()}
    assert not parts["R"].present
    assert "does not run" in parts["R"].note


def test_importing_the_r_side_loads_no_r() -> None:
    code = (
        "import sys, harness.engines.r.engine, harness.engines.r.recorded, "
        "harness.engines.r.installed; print([m for m in sys.modules if m.startswith('rpy2')])"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]"


def test_the_scripts_are_found_and_their_hash_sees_names_and_bytes(tmp_path: Path) -> None:
    assert (scripts_folder() / "fit_lmer.R").is_file()
    (tmp_path / "a.R").write_text("x", encoding="utf-8")
    first = scripts_sha256(tmp_path)
    (tmp_path / "a.R").rename(tmp_path / "b.R")
    second = scripts_sha256(tmp_path)
    (tmp_path / "b.R").write_text("y", encoding="utf-8")
    assert len({first, second, scripts_sha256(tmp_path)}) == 3
    (tmp_path / "README.md").write_text("words", encoding="utf-8")
    assert scripts_sha256(tmp_path) == scripts_sha256(tmp_path)
