"""Before numpy is imported, one thread for every BLAS: a knife-edge optimum must not depend on it.

And one warm R for every test that asks R; without R those tests are skipped, saying so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
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


@pytest.fixture(scope="session")
def r_home() -> Path:
    from harness.engines.r.home import find_r
    from harness.errors import ReferenceUnavailable

    try:
        return find_r()
    except ReferenceUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def lme4(r_home: Path) -> Iterator[RLiveEngine]:
    from harness.engines.r.engine import RLiveEngine

    with RLiveEngine(timeout=120) as engine:
        yield engine
