"""Measure every difference and write them down: ``python measure.py [part of a model's name ...]``.

With no arguments it asks for all models (half an hour) and rewrites ``measured.json``, from which
``table.py`` makes the README's table; otherwise it prints what is beyond its limit.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[2]), str(HERE)]

import port_answers  # noqa: E402
from compare import compared, quantities_of  # noqa: E402
from models import MODELS  # noqa: E402
from quantities import QUANTITIES  # noqa: E402
from r_answers import R  # noqa: E402

PACKAGES = ("lme4", "lmerTest", "pbkrtest", "emmeans", "numDeriv")


def versions(rscript: str) -> dict[str, str]:
    """R's and its packages' versions."""
    names = ", ".join(f'"{name}"' for name in PACKAGES)
    script = (
        f"v <- sapply(c({names}), function(p) as.character(packageVersion(p)));"
        "v <- as.list(c(R = as.character(getRversion()), v));"
        "cat(jsonlite::toJSON(v, auto_unbox = TRUE))"
    )
    said = subprocess.run(
        [rscript, "--vanilla", "-e", script], capture_output=True, text=True, check=True
    )
    found: dict[str, str] = json.loads(said.stdout)
    return found


def measured(names: list[str], r: R) -> dict[str, Any]:
    """Of each quantity and tier: the models compared, the worst difference, its limit and model."""
    found: dict[str, Any] = {}
    for name in names:
        start = time.perf_counter()
        port_answers.answer(name)
        middle = time.perf_counter()
        try:
            r.answer(name)
        except AssertionError as error:
            print(f"{name}: {error}", flush=True)
            continue
        spent = f"port {middle - start:.1f} s, R {time.perf_counter() - middle:.1f} s"
        print(f"{name}: {spent}", flush=True)
        for quantity in quantities_of(name):
            for d in compared(r, name, quantity):
                key = f"{quantity} {d.tier} {d.rule}".strip()
                row = found.setdefault(key, {"models": 0, "worst": -1.0})
                row["models"] += 1
                if d.value > row["worst"]:
                    row |= {"worst": float(f"{d.value:.1e}"), "limit": d.limit, "at": name}
                if not d.value <= d.limit:
                    what = QUANTITIES[quantity].what
                    print(
                        f"    {quantity} {d.tier}: {d.value:.3g} > {d.limit:g} {what}", flush=True
                    )
    return found


def main(parts: list[str], keep: str = "") -> None:
    """Measure; R's answers are kept in the folder ``keep``, and read from there if it has them."""
    names = [n for n in MODELS if not parts or any(part in n for part in parts)]
    rscript = shutil.which("Rscript") or "Rscript"
    with tempfile.TemporaryDirectory() as folder:
        r = R(rscript, Path(keep or folder))
        found = measured(names, r)
        r.close()
    if not parts:
        record = {"versions": versions(rscript), "measured": found}
        text = json.dumps(record, indent=1) + "\n"
        (HERE / "measured.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    kept = [a.removeprefix("--answers=") for a in arguments if a.startswith("--answers=")]
    main([a for a in arguments if not a.startswith("--")], *kept)
