"""R's answers: one R process, asked model by model, each once."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import port_answers
from models import MODELS, SECOND, TESTS
from port_r import factors_of
from questions import questions_of

Vector = npt.NDArray[np.float64]
HERE = Path(__file__).resolve().parent


class R:
    """A running ``quantities.R``."""

    def __init__(self, rscript: str, folder: Path, env: dict[str, str] | None = None) -> None:
        self.folder = folder
        self._asked: dict[str, dict[str, dict[str, Vector]]] = {}
        self._errors = (folder / "stderr").open("w")
        self._process = subprocess.Popen(
            [rscript, "--vanilla", str(HERE / "quantities.R"), str(folder),
             str(TESTS.parent / "r_reference")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True, env=env,
        )  # fmt: skip

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._errors.close()

    def answer(self, name: str) -> dict[str, dict[str, Vector]]:
        """``at``, ``own`` and ``interior``: values by quantity; ``theta`` under that name."""
        if name not in self._asked:
            self._asked[name] = self._ask(name)
        return self._asked[name]

    def _ask(self, name: str) -> dict[str, dict[str, Vector]]:
        (self.folder / f"{name}.json").write_text(json.dumps(self._told(name)), encoding="utf-8")
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(name + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, (self.folder / "stderr").read_text(encoding="utf-8")
        said = json.loads(line)
        assert "error" not in said, f"R on {name}: {said['error']}"
        said["theta"] = {"theta": said["theta"]}
        return {part: {k: numbers(v) for k, v in said[part].items()} for part in said}

    def _told(self, name: str) -> dict[str, Any]:
        model, fit = MODELS[name], port_answers.fitted(name)
        satterthwaite = asks_satterthwaite(name)
        model.frame().to_csv(self.folder / f"{name}.csv", index=False, float_format="%.17g")
        new = port_answers.new_rows(model, fit)
        new.to_csv(self.folder / f"{name}.new.csv", index=False, float_format="%.17g")
        return {
            "file": f"{name}.csv",
            "new": f"{name}.new.csv",
            "factors": factors_of(model.frame()),
            "formula": model.formula,
            "smaller": model.smaller if model.drop else "",
            "interior": model.interior,
            "reml": model.reml,
            "satterthwaite": satterthwaite,
            "theta": fit.theta.tolist(),
            "draws": port_answers.draws(fit).tolist(),
            "second": SECOND,
            "terms": list(fit.design.terms),
            "hypotheses": [L.tolist() for L in port_answers.hypotheses(fit)],
            "questions": questions_of(model, satterthwaite),
            "group": port_answers.group_of(model, fit),
            "left_out": port_answers.left_out(model, fit),
        }


def numbers(values: Any) -> Vector:
    listed = values if isinstance(values, list) else [values]
    return np.array([float(value) for value in listed], dtype=float)


def asks_satterthwaite(name: str) -> bool:
    """Not where lmerTest's derivatives fail: in another unit, or at the boundary."""
    return not (MODELS[name].twin or port_answers.fitted(name).singular)
