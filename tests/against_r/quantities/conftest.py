"""One R for a session, shared by its processes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))


@pytest.fixture(scope="session")
def r(r_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    from r_answers import R

    from harness.engines.r.home import child_environment

    base = tmp_path_factory.getbasetemp()
    # With several processes each has a folder of its own below one that they share.
    folder = (base.parent if base.name.startswith("popen-") else base) / "quantities"
    folder.mkdir(exist_ok=True)
    running = R(str(r_home / "bin" / "Rscript"), folder, child_environment(r_home))
    yield running
    running.close()
