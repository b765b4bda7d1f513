"""Every test here needs R and is skipped, saying so, without it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from worker_processes import Scripts

from harness.engines.r.engine import RLiveEngine
from harness.engines.r.home import child_environment
from harness.engines.r.scripts import scripts_folder

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.live_r)


@pytest.fixture(scope="session")
def rscript(r_home: Path) -> Callable[..., str]:
    """Run a plain R script that shares nothing with ours, and return what it prints."""

    def run(script: str, *arguments: str, expect: int = 0) -> str:
        done = subprocess.run(
            [str(r_home / "bin" / "Rscript"), "--vanilla", *(arguments or ("-e", script))],
            capture_output=True,
            text=True,
            env=child_environment(r_home),
            timeout=300,
            check=False,
        )
        assert done.returncode == expect, done.stderr
        return done.stdout

    return run


@pytest.fixture
def scripts(r_home: Path, tmp_path: Path) -> Scripts:
    """The reference scripts with another ``ask()``: R misbehaves by R code, not by a hook."""

    def make(ask: str) -> Path:
        folder = tmp_path / "scripts"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(scripts_folder(), folder)
        head = 'if (identical(request$question, "session")) return(session())\n'
        (folder / "zz_ask.R").write_text(
            "needed_packages <- reference_packages <- preloaded_packages <- character()  # faster\n"
            f"ask <- function(request) {{\n{head}{ask}\n}}\n",
            encoding="utf-8",
        )
        return folder

    return make


@pytest.fixture
def engine(r_home: Path) -> Iterator[RLiveEngine]:
    with RLiveEngine(timeout=60) as made:
        yield made
