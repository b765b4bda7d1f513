"""The shared libraries of this process, where the loader found them, and how many threads BLAS has.

The worker says both when R runs: the libraries are part of what computed an answer, and a
BLAS with more than one thread may add in another order every time.
"""

from __future__ import annotations

import ctypes
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

_RPY2 = ("/rpy2", "/_rinterface_cffi")
_COUNTERS = (
    "openblas_get_num_threads",
    "openblas_get_num_threads64_",
    "scipy_openblas_get_num_threads",
    "scipy_openblas_get_num_threads64_",
    "bli_thread_get_num_threads",
    "MKL_Get_Max_Threads",
)
"""Functions without argument that give the number of threads, in the libraries that have several;
the reference BLAS and ATLAS's serial library have one and no such function."""


class _Loaded(ctypes.Structure):
    """The beginning of ``struct dl_phdr_info`` (ELF, ``<link.h>``)."""

    _fields_: ClassVar = [("address", ctypes.c_size_t), ("name", ctypes.c_char_p)]


def loaded_libraries() -> tuple[str, ...] | None:
    """Every library mapped here, by the path under which the loader found it, links unresolved.

    ``/lib/libblas.so.3`` stays that, so that pointing the link elsewhere can be seen later.

    Returns:
        The paths, sorted; None where the platform cannot tell (``dl_iterate_phdr`` is ELF's).
    """
    try:
        walk: Any = ctypes.CDLL(None).dl_iterate_phdr
    except (AttributeError, OSError, TypeError):
        return None
    found: set[str] = set()
    visitor = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.POINTER(_Loaded), ctypes.c_size_t, ctypes.c_void_p
    )

    def visit(entry: Any, _size: int, _data: object) -> int:
        name = entry.contents.name
        if name and name.startswith(b"/"):
            found.add(name.decode("utf-8", "surrogateescape"))
        return 0

    walk(visitor(visit), None)
    return tuple(sorted(found))


def without_pythons(paths: Iterable[str]) -> tuple[str, ...]:
    """The libraries of R's side: all but Python's own and its packages', save rpy2's."""
    own = {
        prefix
        for name in ("stdlib", "platstdlib", "purelib", "platlib")
        for prefix in (sysconfig.get_path(name), str(Path(sysconfig.get_path(name)).resolve()))
    }
    return tuple(
        path
        for path in paths
        if any(word in path for word in _RPY2)
        or not any(path.startswith(f"{prefix}/") for prefix in own)
    )


def blas_threads(paths: Iterable[str]) -> dict[str, int]:
    """How many threads each library will compute with, asked of those that can be asked.

    Args:
        paths: libraries already loaded; none is loaded for the question.

    Returns:
        File name of the library -> threads.
    """
    told: dict[str, int] = {}
    for path in paths:
        if not any(word in Path(path).name.lower() for word in ("blas", "mkl", "blis")):
            continue
        try:
            library = ctypes.CDLL(path)
        except OSError:
            continue
        for name in _COUNTERS:
            counter: Any = getattr(library, name, None)
            if counter is not None:
                counter.restype, counter.argtypes = ctypes.c_int, []
                told[Path(path).name] = int(counter())
                break
    return told
