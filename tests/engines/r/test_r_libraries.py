"""The libraries of a process are listed, and a BLAS with several threads says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.engines.r.libraries import blas_threads, loaded_libraries, without_pythons

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="dl_iterate_phdr")


def test_libraries_are_listed_where_the_loader_found_them() -> None:
    found = loaded_libraries()
    assert found is not None
    assert any(Path(path).name.startswith("libc.so") for path in found)
    assert all(Path(path).exists() for path in found)


def test_pythons_own_do_not_belong_to_r() -> None:
    import numpy

    found = loaded_libraries()
    assert found is not None
    numpys = {path for path in found if str(Path(numpy.__file__).parent) in path}
    assert numpys
    assert not numpys & set(without_pythons(found))
    assert any(Path(path).name.startswith("libc.so") for path in without_pythons(found))


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one processor")
@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_those_blas_has_not_those_one_hopes_for(threads: int) -> None:
    """numpy's wheel brings an OpenBLAS that can be asked as R's would be."""
    code = (
        "import numpy; from harness.engines.r.libraries import blas_threads, loaded_libraries; "
        "print(*blas_threads(loaded_libraries()).values())"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": str(threads)},
    )
    if not told.stdout.strip():
        pytest.skip("numpy's BLAS has no threads to count")
    assert set(told.stdout.split()) == {str(threads)}


def test_a_library_that_cannot_be_asked_says_nothing() -> None:
    assert blas_threads(["/nowhere/libopenblas.so", "/usr/lib/libz.so"]) == {}
