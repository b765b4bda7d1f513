"""A plan with detection limits, a Tobit model, plates, hypotheses: green, and R says the same."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from marker_study import write_markers

from harness.compare import Verdict, compare_model
from harness.data import derive
from harness.engines.r.engine import RLiveEngine
from harness.engines.r.record import write_record
from harness.engines.r.recorded import RecordedEngine, contradiction
from harness.errors import RecordRefused
from harness.models.record import Estimates
from harness.pipeline import RunResult, run
from harness.provenance import run_record

FOLDER = "study"


@pytest.fixture(scope="module")
def result(r_home: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    folder = tmp_path_factory.mktemp("markers") / FOLDER
    return run(write_markers(folder), reference="live", cached=False)


def test_every_number_of_every_kind_matches(result: RunResult) -> None:
    assert {row.verdict for row in result.table.rows} <= {Verdict.MATCH, Verdict.BOUNDARY}
    models = {fit.task.key.place for fit in result.fits}
    assert models == {
        *(
            "markers/ITT/ln_il6",
            "markers/ITT/ln_il6_half",
            "markers/ITT/ratio",
            "markers/ITT/inside",
        ),
        *("below/post/ln_il6_lod", "plates/ITT/ln_il6", "plate/post/ln_il6", "joint/ITT/fiq"),
    }
    of = {fit.task.key.analysis: fit.python for fit in result.fits}
    assert isinstance(of["plates"], Estimates)
    assert of["plates"].groups == {"id": 40, "plate": 6}


def test_a_tobit_model_agrees_far_below_its_limits(result: RunResult) -> None:
    rows = [row for row in result.table.rows if row.analysis == "below"]
    assert {row.quantity for row in rows} >= {
        *("estimate", "std_error", "statistic", "p_value", "conf_low", "sigma"),
        *("criterion", "loglik", "aic", "bic", "contrast", "f_value"),
    }
    # Both climb a concave surface by Newton's method to the last digits.
    assert max(row.share for row in rows) < 1e-3


def test_the_same_analyses_in_plain_r(result: RunResult, tmp_path: Path) -> None:
    record = run_record(result, tmp_path, "harness run plan.yaml")
    assert any(line.startswith("detection of il6: limit 0.7") for line in record.definitions)
    assert any(
        re.match(r"below: Tobit model .* z tests .*: 13 of 40 in below/post/ln_il6_lod$", line)
        for line in record.definitions
    )
    (tmp_path / "reproduce.R").write_text(record.scripts["reproduce.R"], encoding="utf-8")
    ran = subprocess.run(
        ["Rscript", "--vanilla", "reproduce.R"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    blocks = dict(re.findall(r"^== (.*?) \n(.*?)(?=^== |\Z)", ran.stdout, re.DOTALL | re.MULTILINE))
    assert len(blocks) == len(result.fits)
    for fit in result.fits:
        block = blocks[" / ".join(fit.task.key.parts)]
        assert isinstance(fit.r, Estimates)
        for row in fit.r.fixed:
            printed = next(line for line in block.splitlines() if line.startswith(row.term + " "))
            estimate, error = map(float, printed[len(row.term) :].split()[:2])
            assert estimate == pytest.approx(row.estimate, rel=1e-5, abs=1e-8)
            assert error == pytest.approx(row.std_error, rel=1e-5)
        tested = [(row.contrast, row.p_value) for row in fit.r.hypotheses or ()]
        tested += [(row.f_value, row.p_value) for row in fit.r.joint_hypotheses or ()]
        numbers = {float(text) for text in re.findall(r"-?\d+\.\d+(?:e-\d+)?", block)}
        for pair in tested:
            for value in pair:
                assert any(n == pytest.approx(value, rel=1e-5) for n in numbers), (pair, block)


def test_a_tobit_record_is_held_to_its_own_likelihood(
    result: RunResult, lme4: RLiveEngine, tmp_path: Path
) -> None:
    (fit,) = [fit for fit in result.fits if fit.task.spec.censored]
    frame = derive(result.study).loc[result.sets["post"].mask]
    spec, key = fit.task.spec, fit.task.key
    assert isinstance(fit.r, Estimates)

    def nowhere(*_: object) -> float:
        raise AssertionError("a Tobit model has no theta")

    assert contradiction(fit.r, spec, frame, nowhere) == ""
    moved = replace(fit.r.fixed[0], estimate=fit.r.fixed[0].estimate * (1 + 1e-4))
    wrong = replace(fit.r, fixed=(moved, *fit.r.fixed[1:]))
    assert "its criterion is" in contradiction(wrong, spec, frame, nowhere)
    write_record(tmp_path, key, spec, frame, fit.r)
    replayed = RecordedEngine(tmp_path, nowhere)
    rows = compare_model(key, fit.python, replayed.answer(key, spec, frame))
    assert {row.verdict for row in rows} == {Verdict.MATCH}
    with pytest.raises(RecordRefused, match="its censored is"):
        replayed.answer(key, replace(spec, censored="other"), frame.assign(other=0.0))
    other = frame.assign(il6_low=frame["il6_low"].where(frame["il6_low"].cumsum() != 1, 0.0))
    with pytest.raises(RecordRefused, match="the data have changed"):
        replayed.answer(key, spec, other)
    again = lme4.fit(spec, other)
    there = compare_model(key, fit.python, again)
    assert {row.verdict for row in there} == {Verdict.DIFFERENT_MODEL}
    assert "`il6_low` of the censored differs" in next(
        r.note for r in there if r.quantity == "n_obs"
    )
