"""Before numpy is imported, one thread for every BLAS: a knife-edge optimum must not depend on it.

And one warm R for every test that asks R; the plugin skips those tests where there is none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness.engines.r.engine import RLiveEngine

for _variable in (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "BLIS_NUM_THREADS",
):
    os.environ[_variable] = "1"

# What R answered in an earlier run must not stand in for R; a test of that names its own folder.
os.environ["HARNESS_CACHE"] = "off"


collect_ignore = ["example_project"]
"""Somebody else's project, with its own settings; test_example_project.py runs a copy of it."""


def pytest_report_header() -> str:
    """Versions first: they are what one wants to know of a red run elsewhere."""
    from importlib.metadata import version

    r = r_or_why_not()
    there = f"none, live tests are skipped ({r})" if isinstance(r, str) else str(r)
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "pandas"))
    return f"{packages}; one BLAS thread; R: {there}"


@cache
def r_or_why_not() -> Path | str:
    from harness.engines.r.home import find_r
    from harness.errors import ReferenceUnavailable

    try:
        return find_r()
    except ReferenceUnavailable as error:
        return str(error)


def require_r() -> Path:
    found = r_or_why_not()
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.fixture(scope="session")
def r_home() -> Path:
    return require_r()


@pytest.fixture(scope="session")
def lme4(r_home: Path) -> Iterator[RLiveEngine]:
    from harness.engines.r.engine import RLiveEngine

    with RLiveEngine(timeout=120) as engine:
        yield engine
