"""The second ``harness run`` of a plan: R is not started, and the table is the same."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from r_examples import SLEEP, awkward, sleepstudy, spec

from harness.engines.r.channel import Channel
from harness.engines.r.engine import RLiveEngine
from harness.errors import ReferenceUnavailable

from .conftest import FIXTURES, ROOT, Run, StudyCopy

pytestmark = pytest.mark.live_r
Copy = Callable[[str], StudyCopy]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_start(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on, a start of R is an error."""

    def refuse(_: Channel) -> None:
        raise ReferenceUnavailable("R was started")

    return lambda: monkeypatch.setattr(Channel, "_running", refuse)


def live(harness: Run, plan: Path, out: Path, *more: str) -> tuple[str, str]:
    """What a run against live R says, and the table it writes; it must hold."""
    told = harness("run", plan, "--reference", "live", "--out", out, *more)
    assert told.code == 0, told.out + told.err
    return told.out + told.err, (out / "diff.csv").read_text(encoding="utf-8")


def manifest(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    return found


def source(said: str) -> str:
    (line,) = re.findall(r"^reference: (.*)$", said, re.MULTILINE)
    return line


@pytest.mark.parametrize(
    ("name", "models", "part"),
    [
        ("btheb", 4, ()),
        ("mbsr", 16, ("--only", "*/PP/fiqr_total")),
        pytest.param("mbsr", 409, (), marks=pytest.mark.exhaustive, id="mbsr-whole"),
    ],
)
def test_the_second_run_starts_no_r_and_gives_the_same_bytes(
    harness: Run,
    tmp_path: Path,
    cache: Path,
    no_start: Callable[[], None],
    name: str,
    models: int,
    part: tuple[str, ...],
) -> None:
    plan = FIXTURES / name / "plan.yaml"
    first, table = live(harness, plan, tmp_path / "first", "--jobs", "2", *part)
    assert source(first).startswith("live R 4.")
    assert "cache" not in source(first)
    no_start()
    second, again = live(harness, plan, tmp_path / "second", *part)
    assert source(second) == f"{source(first)} ({models} of {models} from the cache)"
    assert again == table
    third, several = live(harness, plan, tmp_path / "third", "--jobs", "3", *part)
    assert (source(third), several) == (source(second), table)
    for file in ("diff.md", "diff.json", "estimates.json", "reproduce.R"):
        one, of_several = (tmp_path / run / file for run in ("second", "third"))
        assert one.read_bytes() == of_several.read_bytes(), file
    assert len(list((cache / "answers").iterdir())) == models
    counted = {"models": models, "retried": [], "notes": []}
    assert manifest(tmp_path / "first")["reference_answers"] == {**counted, "cached": 0}
    assert manifest(tmp_path / "second")["reference_answers"] == {**counted, "cached": models}
    r = manifest(tmp_path / "first")["r"]
    assert r["threads"] == "1"
    assert manifest(tmp_path / "second")["r"] == r
    left, right = (
        (tmp_path / run / "estimates.json").read_text(encoding="utf-8")
        for run in ("first", "second")
    )
    assert right != left
    assert re.sub(r',\s*"cached": "[-0-9]+"', "", right) == left


def test_what_is_broken_is_fitted_anew_and_said_and_no_cache_fits_all(
    harness: Run, tmp_path: Path, cache: Path, no_start: Callable[[], None]
) -> None:
    plan = FIXTURES / "btheb" / "plan.yaml"
    _, table = live(harness, plan, tmp_path / "first")
    entry = sorted((cache / "answers").iterdir())[0]
    whole = entry.read_text(encoding="utf-8")
    entry.write_text(whole.replace('"n_obs": ', '"n_obs": 1', 1), encoding="utf-8")
    said, again = live(harness, plan, tmp_path / "second")
    assert again == table
    assert source(said).endswith("(3 of 4 from the cache)")
    assert said.count("harness: cached reference") == 1
    assert f"{entry} dropped and fitted anew: it was altered" in said
    assert entry.read_text(encoding="utf-8") == whole
    kept = sorted(path.stat().st_mtime_ns for path in (cache / "answers").iterdir())
    said, again = live(harness, plan, tmp_path / "third", "--no-cache")
    assert again == table
    assert "cache" not in source(said)
    assert "--no-cache" in manifest(tmp_path / "third")["command"]
    assert kept == sorted(path.stat().st_mtime_ns for path in (cache / "answers").iterdir())
    no_start()
    told = harness("run", plan, "--reference", "live", "--no-cache", "--out", tmp_path / "out")
    assert told.code == 4
    assert "R was started" in told.err


def test_what_is_new_in_a_plan_is_all_that_is_fitted(
    harness: Run, study: Copy, tmp_path: Path, cache: Path
) -> None:
    copy = study("btheb")
    live(harness, copy.plan, tmp_path / "first")
    copy.edit(copy.plan, "sets:\n", 'sets:\n  others: "n_scores >= 4"\n')
    copy.edit(copy.plan, "sets: [ITT, completers]", "sets: [ITT, completers, others]", count=2)
    said, _ = live(harness, copy.plan, tmp_path / "second")
    assert source(said).endswith("(4 of 6 from the cache)")


def test_the_lme4_of_the_record_command_is_never_the_cached_one(
    harness: Run, study: Copy, tmp_path: Path, cache: Path, no_start: Callable[[], None]
) -> None:
    copy = study("btheb")
    live(harness, copy.plan, tmp_path / "first")
    no_start()
    told = harness("record", copy.plan)
    assert told.code == 4
    assert "R was started" in told.err


def test_doctor_says_where_the_answers_are(harness: Run, tmp_path: Path, cache: Path) -> None:
    live(harness, FIXTURES / "btheb" / "plan.yaml", tmp_path / "out")
    told = harness("doctor")
    (line,) = [line for line in told.out.splitlines() if "answers of R kept" in line]
    assert re.search(r"4, 0\.\d\d of 200 MB", line)
    assert str(cache) in line


def seconds_of(cache: Path, *arguments: str | Path) -> float:
    """Processor seconds of one command line, children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "harness", *map(str, arguments)],
        env={**os.environ, "HARNESS_CACHE": str(cache)},
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize(
    ("name", "part", "limit"),
    [
        ("btheb", (), 3.0),
        pytest.param(
            *("mbsr", ("--only", "*/PP/fiqr_total"), 3.0),
            marks=pytest.mark.exhaustive,
            id="mbsr-part",
        ),
        pytest.param("mbsr", (), 12.0, marks=pytest.mark.exhaustive, id="mbsr-whole"),
    ],
)
def test_the_second_run_takes_little_longer_than_its_gate(
    cache: Path, tmp_path: Path, name: str, part: tuple[str, ...], limit: float
) -> None:
    plan = FIXTURES / name / "plan.yaml"
    run = ("run", plan, "--reference", "live", "--out", tmp_path / "out", "--quiet", *part)
    seconds_of(cache, *run)
    second = min(seconds_of(cache, *run) for _ in range(2))
    gate = min(seconds_of(cache, "gate", plan, "--out", tmp_path, "--quiet") for _ in range(2))
    print(f"{name}: second run {second:.2f} s, its gate {gate:.2f} s (processor time)")
    assert second - gate < limit
    assert manifest(tmp_path / "out")["reference_answers"]["cached"] > 0


@pytest.mark.exhaustive
def test_the_whole_grid_again_takes_less_than_ten_seconds_on_two_cores(
    cache: Path, tmp_path: Path
) -> None:
    plan = FIXTURES / "mbsr" / "plan.yaml"
    run = ("run", plan, "--jobs", "2", "--out", tmp_path / "out", "--quiet")
    seconds_of(cache, *run)
    taken = []
    for _ in range(3):
        start = time.monotonic()
        seconds_of(cache, *run)
        taken.append(time.monotonic() - start)
    print(f"409 models again: {min(taken):.2f} s by the clock")
    assert min(taken) < 10.0
    assert manifest(tmp_path / "out")["reference_answers"]["cached"] == 409


def test_fits_load_no_library_that_the_installation_does_not_know(r_home: Path) -> None:
    """Else a library that takes part in the answer could change unseen."""
    with RLiveEngine(timeout=60) as engine:
        engine.start()
        assert engine.parts is not None
        known = {os.path.realpath(path) for path in engine.parts.files}
        assert any(path.endswith("/lme4.so") for path in known)
        assert any("blas" in Path(path).name for path in known)
        for df in ("satterthwaite", "kenward-roger", "z"):
            engine.fit(spec(SLEEP, df_method=df), sleepstudy())
        engine.fit(spec("y ~ x * arm"), awkward())
        engine.criterion_at(spec(SLEEP), sleepstudy(), (1.0, 0.0, 1.0))
        maps = Path(f"/proc/{engine._channel.pid}/maps").read_text(encoding="utf-8")
        loaded = set(re.findall(r"(/\S+\.so(?:\.\d+)*)$", maps, re.MULTILINE))
        assert len(loaded) > 50
        beyond = {path for path in loaded - known if "/python" not in path}
        assert beyond == set()
