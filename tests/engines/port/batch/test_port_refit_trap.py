"""A reference that is wrong: ``refit`` of a REML fit in lme4 1.1-31.

It puts n - 1 where n - p belongs (right again in 1.1-37). On a response simulated from sleepstudy's
random-intercept model it ends at theta 1.3284 with a REML criterion of 1774.61; a fresh ``lmer``
has 1.3240 and 1766.04. The port's refit must be the fresh fit's, and the comparison must say that
it is R which is off.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from port_data import classic

import harness
from harness.compare import CrossCheck, Verdict, compare_model
from harness.compare.rows import DiffRow
from harness.engines.port.engine import PortEngine
from harness.engines.port.fit import Fit
from harness.engines.r.answer import estimates_from_json
from harness.engines.r.engine import RLiveEngine
from harness.language import parse_formula
from harness.models.record import Estimates
from harness.models.spec import ModelKey, ModelSpec

FORMULA = "Reaction ~ Days + (1 | Subject)"
KEY = ModelKey("refit", "all", "Reaction")
SPEC = ModelSpec(parse_formula(FORMULA), df_method="residual")
SCRIPTS = Path(__file__).resolve().parents[4] / "r_reference"


@dataclass(frozen=True)
class Answers:
    """Everything R said, and its version."""

    y: np.ndarray
    refit: Estimates
    fresh: Estimates
    version: tuple[int, ...]


@pytest.fixture(scope="module")
def r(r_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    if shutil.which("Rscript") is None:
        pytest.skip("Rscript is not on the PATH")
    folder = tmp_path_factory.mktemp("refit")
    script = Path(__file__).with_name("refit_trap.R")
    said = subprocess.run(
        ["Rscript", "--vanilla", str(script), str(SCRIPTS), str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr

    def read(name: str) -> Estimates:
        return estimates_from_json(json.loads((folder / name).read_text(encoding="utf-8")))

    version = tuple(int(part) for part in said.stdout.replace("-", ".").split("."))
    y = np.loadtxt(folder / "response.csv")
    return Answers(y, read("refit.json"), read("fresh.json"), version)


@pytest.fixture
def off(r: Answers) -> Answers:
    """R's answers, where the installed lme4 has the error."""
    if r.version >= (1, 1, 37):
        pytest.skip(f"lme4 {'.'.join(map(str, r.version))} refits as it fits")
    return r


def refitted(y: np.ndarray) -> Fit:
    """The port's refit of the model to a response."""
    again = harness.lmer(FORMULA, classic("sleepstudy")).refit(y)
    assert isinstance(again, Fit)
    return again


def compared(r: Answers, theirs: Estimates, lme4: RLiveEngine) -> dict[tuple[str, str], DiffRow]:
    """The diff table of the port's refit and an answer of R, criteria at both thetas included."""
    fit = refitted(r.y)
    frame = classic("sleepstudy").assign(Reaction=r.y)
    ours = fit.estimates("residual")
    cross = CrossCheck(
        python_at_r=PortEngine().criterion_at(SPEC, frame, theirs.theta),
        python_at_python=PortEngine().criterion_at(SPEC, frame, ours.theta),
        r_at_python=lme4.criterion_at(SPEC, frame, ours.theta),
    )
    rows = compare_model(KEY, ours, theirs, cross)
    return {(row.term, f"{row.quantity} {row.tier}"): row for row in rows}


@pytest.mark.live_r
class TestRefitTrap:
    def test_the_port_and_a_fresh_lmer_agree(self, r: Answers, lme4: RLiveEngine) -> None:
        """True whatever lme4 is installed."""
        rows = compared(r, r.fresh, lme4)
        wrong = {name: row for name, row in rows.items() if row.verdict is not Verdict.MATCH}
        assert not wrong, wrong

    def test_a_batch_is_no_refit_of_rs_kind(self, r: Answers) -> None:
        batch = harness.lmer(FORMULA, classic("sleepstudy")).refit(np.column_stack([r.y, r.y]))
        assert batch.criterion == pytest.approx([r.fresh.fit.criterion] * 2, abs=1e-7)

    def test_rs_refit_is_what_is_known_of_it(self, off: Answers) -> None:
        assert off.refit.theta[0] == pytest.approx(1.32835, abs=1e-5)
        assert off.fresh.theta[0] == pytest.approx(1.32401, abs=1e-5)
        assert off.refit.fit.criterion == pytest.approx(1774.6094, abs=1e-3)
        assert off.fresh.fit.criterion == pytest.approx(1766.0399, abs=1e-3)

    def test_the_comparison_names_the_reference(self, off: Answers, lme4: RLiveEngine) -> None:
        rows = compared(off, off.refit, lme4)
        found = rows["", "criterion T2"]
        assert found.verdict is Verdict.DIFFERS
        assert found.cause == "reference: r's answer is not what r's own criterion says"
        assert "both criteria are lower there than at r's theta" in found.note
        assert rows["", "criterion T1"].verdict is Verdict.DIFFERS
        red = [row for row in rows.values() if row.verdict is Verdict.DIFFERS]
        assert {"sd", "sigma", "std_error"} <= {row.quantity for row in red}
        assert {row.cause for row in red if row.tier == "T2"} == {found.cause}

    def test_a_newer_refit_passes(self, r: Answers, lme4: RLiveEngine) -> None:
        if r.version < (1, 1, 37):
            pytest.skip("this lme4 has the error; the test above is for it")
        rows = compared(r, r.refit, lme4)
        assert rows["Days", "std_error T2"].verdict is Verdict.MATCH
