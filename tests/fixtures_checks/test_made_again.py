"""Every data file comes out of its script again, byte for byte."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .study_files import FIXTURES, read_text

CLASSICS = ("sleepstudy", "Dyestuff", "Dyestuff2", "Penicillin", "Pastes", "cake")
RSCRIPT = shutil.which("Rscript")
needs_r = pytest.mark.skipif(RSCRIPT is None, reason="Rscript is not on the PATH")


def assert_same_bytes(made: Path, kept: Path) -> None:
    new, old = made.read_bytes(), kept.read_bytes()
    if new == old:
        return
    pairs = zip(new.splitlines(), old.splitlines(), strict=False)
    line = next((i for i, (a, b) in enumerate(pairs, 1) if a != b), None)
    where = f"first at line {line}" if line else f"{len(new)} bytes against {len(old)}"
    pytest.fail(f"{kept} is not what its script makes: {where}", pytrace=False)


def rscript(*arguments: str, locale: str = "C") -> str:
    environment = {**os.environ, "LC_ALL": locale}
    done = subprocess.run(
        [str(RSCRIPT), "--vanilla", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("study", "made_by"),
    [("mbsr", ("mbsr",)), ("mbsr_null", ("mbsr", "--null")), ("eudaimon3", ("eudaimon3",))],
)
def test_synthetic_study(tmp_path: Path, study: str, made_by: tuple[str, ...]) -> None:
    script = FIXTURES / made_by[0] / "generate.py"
    arguments = [sys.executable, "-B", str(script), *made_by[1:], str(tmp_path)]
    subprocess.run(arguments, check=True, timeout=120)
    for name in (f"{study}.csv", "codebook.csv", "truth/planted.json"):
        assert_same_bytes(tmp_path / name, FIXTURES / study / name)


@pytest.mark.live_r
@needs_r
@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_btheb(tmp_path: Path, locale: str) -> None:
    rscript(str(FIXTURES / "btheb" / "export.R"), str(tmp_path), locale=locale)
    assert_same_bytes(tmp_path / "btheb.csv", FIXTURES / "btheb" / "btheb.csv")


@pytest.mark.live_r
@needs_r
def test_classics(tmp_path: Path) -> None:
    rscript(str(FIXTURES / "classics" / "export.R"), str(tmp_path))
    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(CLASSICS)
    for name in CLASSICS:
        assert_same_bytes(tmp_path / f"{name}.csv", FIXTURES / "classics" / f"{name}.csv")


@pytest.mark.live_r
@needs_r
@pytest.mark.parametrize("name", CLASSICS)
def test_every_number_is_rs_double_to_the_last_bit(name: str) -> None:
    code = (
        f"d <- lme4::{name}; for (n in names(d)) if (is.numeric(d[[n]])) "
        'cat(n, sprintf("%a", as.numeric(d[[n]])), "\\n")'
    )
    text = read_text(FIXTURES / "classics" / f"{name}.csv")
    columns = rscript("-e", code).splitlines()
    assert columns
    for line in columns:
        column, *bits = line.split()
        assert [float(cell) for cell in text[column]] == [float.fromhex(b) for b in bits], column
