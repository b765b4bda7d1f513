"""Every test here needs R and is skipped, saying so, without it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.engines.r.home import child_environment

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
