"""One warm R for the tests that need it; without R they are skipped, saying so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.engines.r.engine import RLiveEngine
from harness.engines.r.home import find_r
from harness.errors import ReferenceUnavailable


@pytest.fixture(scope="session")
def lme4() -> Iterator[RLiveEngine]:
    try:
        find_r()
    except ReferenceUnavailable as error:
        pytest.skip(str(error))
    with RLiveEngine(timeout=120) as engine:
        yield engine
