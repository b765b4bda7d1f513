"""The benchmark table: the port beside lme4 and whatever else is installed, on one thread.

``make bench`` runs it; words after it choose the rows whose names contain them all. It exits 1
when a row misses what is asked of it. README.md beside this file tells how to read the table.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

for _variable in ("OPENBLAS", "OMP", "MKL", "BLIS", "RAYON"):
    os.environ[f"{_variable}_NUM_THREADS"] = "1"
if {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"} & set(os.environ):
    # A machine-wide choice of kernels would time another BLAS than a user's. It is read when the
    # library loads, hence the restart.
    for _variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        os.environ.pop(_variable, None)
    os.execv(sys.executable, [sys.executable, *sys.argv])

from peers import how_to_install, installed  # noqa: E402
from row import HEAD, Row  # noqa: E402
from tabulate import tabulate  # noqa: E402

CASES = (
    "mixed_cases",
    "pass_cases",
    "batch_cases",
    "mmrm_cases",
)
"""Modules beside this one with ``rows(wanted)``: an iterator over :class:`row.Row`."""


def main(words: list[str]) -> int:
    """Measure and print the rows whose name contains every word; 1 if one misses its demand."""

    def wanted(name: str) -> bool:
        return all(word in name for word in words)

    found: list[Row] = []
    for case in CASES:
        for row in import_module(case).rows(wanted):
            print(f"  {row.work} ...", file=sys.stderr, flush=True)
            found.append(row)
    names = installed()
    cells = [row.cells(names) for row in found]
    align = ("left", "right", "right", "right", "left", "right", "right", "left")
    print(tabulate(cells, headers=(*HEAD, *names), colalign=(*align, *["right"] * len(names))))
    if hint := how_to_install():
        print(hint)
    return int(not all(row.held for row in found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
