"""R's answers: one R process, asked model by model, each once."""

from __future__ import annotations

import json
import subprocess
import time
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
PATIENCE = 500.0
"""Seconds to wait for an answer that another process has asked for."""


class R:
    """A running ``quantities.R``, started when first asked.

    Several processes may share a folder: what one has asked the others read.
    """

    def __init__(self, rscript: str, folder: Path, env: dict[str, str] | None = None) -> None:
        self.folder = folder
        self._start = (rscript, env)
        self._asked: dict[str, dict[str, dict[str, Vector]]] = {}
        self._process: subprocess.Popen[str] | None = None

    def close(self) -> None:
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait(timeout=30)

    def answer(self, name: str) -> dict[str, dict[str, Vector]]:
        """``at``, ``own`` and ``interior``: values by quantity; ``theta`` under that name."""
        if name not in self._asked:
            said = json.loads(self._shared(name))
            assert "error" not in said, f"R on {name}: {said['error']}"
            said["theta"] = {"theta": said["theta"]}
            self._asked[name] = {
                part: {key: numbers(values) for key, values in said[part].items()} for part in said
            }
        return self._asked[name]

    def _shared(self, name: str) -> str:
        """The answer, asked by whichever process comes first."""
        answer, lock = self.folder / f"{name}.answer", self.folder / f"{name}.lock"
        try:
            lock.touch(exist_ok=False)
        except FileExistsError:
            until = time.monotonic() + PATIENCE
            while not answer.exists():
                assert time.monotonic() < until, f"the process that asked {name} never answered"
                time.sleep(0.1)
            return answer.read_text(encoding="utf-8")
        line = self._ask(name)
        part = answer.with_suffix(".part")
        part.write_text(line, encoding="utf-8")
        part.rename(answer)
        return line

    def _ask(self, name: str) -> str:
        (self.folder / f"{name}.json").write_text(json.dumps(self._told(name)), encoding="utf-8")
        if self._process is None:
            rscript, env = self._start
            script, reference = HERE / "quantities.R", TESTS.parent / "r_reference"
            self._process = subprocess.Popen(
                [rscript, "--vanilla", str(script), str(self.folder), str(reference)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env,
            )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(name + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        return line or json.dumps({"error": "R ended"})

    def _told(self, name: str) -> dict[str, Any]:
        model, fit = MODELS[name], port_answers.fitted(name)
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
            "satterthwaite": not (model.twin or model.boundary),
            "theta": fit.theta.tolist(),
            "draws": port_answers.draws(fit).tolist(),
            "second": SECOND,
            "second_theta": port_answers.refit(name).theta.tolist(),
            "terms": list(fit.design.terms),
            "hypotheses": [L.tolist() for L in port_answers.hypotheses(fit)],
            "questions": questions_of(model),
            "group": port_answers.group_of(model, fit),
            "left_out": port_answers.left_out(model, fit),
        }


def numbers(values: Any) -> Vector:
    listed = values if isinstance(values, list) else [values]
    return np.array([float(value) for value in listed], dtype=float)
